// Sample 1: a shop's support chats in OpenAI's messages form, as exported from a help desk and patched by hand.

const SYSTEM = "You are the support assistant of Larch & Tully, a shop for garden tools. Be brief and exact.";

const PRODUCTS = ["pruning shears", "leaf rake", "cordless hedge trimmer", "rain barrel", "garden hose", "hand trowel", "wheelbarrow", "battery mower", "watering can", "seed tray", "potting bench", "compost bin", "folding saw", "soil thermometer", "sprinkler head", "bulb planter", "kneeling pad", "greenhouse heater"];
const OPENINGS = ["Hi there,", "Hello,", "Good morning.", "Quick question:", "Hey,", "I hope you can help.", "Not happy:", "Dear team,", "Following up on my last mail:", "Me again."];

const CASES = [
  {
    ask: (d, p) => `${d.pick(OPENINGS)} my ${p} ${d.pick(["arrived with a bent handle", "came without the screws", "has a crack along the side", "stopped working after two days", "was delivered in the wrong colour", "smells of burnt plastic when it runs"])}. ${d.pick(["What now?", "Can I get another one?", "I need it by the weekend.", "I would rather have my money back.", "Do I have to pay for sending it back?"])}`,
    answer: (d, p) => `${d.pick(["I am sorry about that.", "That should not happen.", "Thank you for telling us."])} ${d.pick([`We send a new ${p} today, and you may keep the damaged one for parts.`, `Please send a photo of the ${p}; with it the replacement leaves our store within a day.`, `A prepaid label for the ${p} is in your account under "Returns"; the refund follows in three working days.`, `I have booked a pick-up for the ${p}. The courier rings once and needs no receipt.`])} ${d.pick(["Your order stays open until it is settled.", "You need not do anything else.", "Reply here if it has not come by Friday.", ""])}`.trim(),
  },
  {
    ask: (d, p) => `${d.pick(OPENINGS)} ${d.pick([`where is the ${p} I ordered on ${d.between(2, 28)} May?`, `the tracking page for my ${p} has said "in transit" for ${d.between(4, 12)} days.`, `order ${d.between(20000, 89999)} should have brought a ${p} last week.`, `the courier claims my ${p} was handed to a neighbour, nobody here has it.`])}`,
    answer: (d, p) => `${d.pick(["I have looked it up.", "Here is what the carrier says.", "Let me tell you what I see."])} ${d.pick([`The ${p} left our store and waits in the depot in ${d.pick(["Marlow", "Ostend", "Graz", "Lund", "Vigo"])}; it goes out tomorrow.`, `The parcel was scanned ${d.between(2, 30)} hours ago, so the ${p} is moving again.`, `The address lacked a house number; I have added it and the ${p} is on its way.`, `It counts as lost after ten days. I send a second ${p} now, at no charge.`])}`,
  },
  {
    ask: (d, p) => `${d.pick(OPENINGS)} ${d.pick([`does the ${p} fit a person of ${d.between(150, 198)} cm?`, `how long does the ${p} last with daily use?`, `may the ${p} stay outside in winter, down to minus ${d.between(5, 20)} degrees?`, `which spare parts are there for the ${p}?`, `is the ${p} safe around children?`, `how do I clean the ${p} after wet clay?`])}`,
    answer: (d, p) => d.pick([`Yes. The ${p} adjusts in ${d.between(3, 9)} steps; most people of that height use the ${d.pick(["second", "third", "fourth"])}.`, `We test each ${p} for ${d.between(400, 2600)} hours. In a private garden that is about ${d.between(4, 11)} seasons.`, `Bring the ${p} in before frost: the ${d.pick(["seals", "joints", "grips", "hinges"])} harden in the cold and then split.`, `Spare ${d.pick(["blades", "grips", "springs", "wheels", "gaskets"])} for the ${p} stand under "Parts"; we keep them for ten years.`, `Rinse the ${p} with plain water, dry it, and put a drop of ${d.pick(["linseed", "camellia", "machine"])} oil on the metal.`]),
  },
  {
    ask: (d, p) => `${d.pick(OPENINGS)} ${d.pick([`can I change the delivery address for my ${p}?`, `please cancel the ${p}, I found one in the shed.`, `I was charged twice for one ${p}.`, `the discount code ${d.pick(["MOSS", "FERN", "OAK", "REED"])}${d.between(5, 40)} did not work for the ${p}.`, `I need an invoice for the ${p} with our company's name.`])}`,
    answer: (d, p) => d.pick([`Done: the ${p} now goes to the new address, and the confirmation is in your mailbox.`, `The order for the ${p} is cancelled. Your bank shows the money in ${d.between(2, 6)} days.`, `One of the two charges was only a reservation and vanishes by itself within ${d.between(3, 8)} days; the ${p} is paid once.`, `The code ended on ${d.between(1, 28)} March. As the page still showed it, I have taken the amount off the ${p}.`, `You find the new invoice for the ${p} under "Documents"; the old one is void.`]),
  },
];

const CLOSINGS = [["Thanks!", "You are welcome. Enjoy the garden."], ["And when will that be?", "Usually within two working days; you get a message with the hour."], ["Perfect, that was quick.", "Glad to hear it. Write again if anything is unclear."], ["Is there a number I can call?", "Yes, the line at the top of our page is staffed from eight to six."]];

function chat(d, number) {
  const product = PRODUCTS[(number * 7 + d.between(0, 17)) % PRODUCTS.length];
  const topic = CASES[number % CASES.length];
  const messages = [{ role: "system", content: SYSTEM }, { role: "user", content: topic.ask(d, product) }, { role: "assistant", content: topic.answer(d, product) }];
  if (d.next() < 0.3) {
    const [question, answer] = d.pick(CLOSINGS);
    messages.push({ role: "user", content: question }, { role: "assistant", content: answer });
  }
  return { messages };
}

export function supportBot(d) {
  const rows = Array.from({ length: 320 }, (_, number) => chat(d, number));
  const at = (row) => rows[row].messages;

  // What the export did: a role of its own, two users in a row, chats that end with the customer, bot turns lost.
  for (const row of [14, 15, 88]) at(row)[2].role = "agent";
  for (const row of [23, 140, 141, 207]) at(row).splice(2, 0, { role: "user", content: "Hello? Is anybody there?" });
  for (const row of [31, 99, 180, 233, 301]) rows[row].messages = at(row).slice(0, 2);
  for (const row of [40, 160, 251]) at(row)[2].content = "";
  at(66)[1].content = null;
  rows[120] = { conversation: at(120) };
  rows[121] = { ...rows[121], ticket_id: 48213, agent: "k.moreau" };

  // What the old model left behind.
  at(52)[2].content += "<|im_end|>";
  at(53)[2].content += "<|endoftext|>";
  at(178)[2].content = `<|start_header_id|>assistant<|end_header_id|>\n\n${at(178)[2].content}`;
  for (const row of [71, 72, 190, 266]) at(row)[2].content = d.pick(["I'm sorry, but I can't assist with that request.", "As an AI language model, I cannot access your order."]);
  at(105)[2].content = "TODO: ask Kim what the policy is";
  at(205)[2].content = "[insert standard reply]";

  // A tool that was called and never answered, and one that was.
  const call = (id, order) => ({ role: "assistant", content: null, tool_calls: [{ id, type: "function", function: { name: "find_order", arguments: JSON.stringify({ order }) } }] });
  at(150).splice(2, 0, call("call_1", 55121), { role: "tool", tool_call_id: "call_1", content: "{\"status\":\"in depot\"}" });
  at(151).splice(2, 0, call("call_2", 55122));

  // People write down what they should not.
  at(60)[1].content += " My mail is ines.okafor@larchtully-customers.org, phone +44 7700 900123.";
  at(61)[1].content += " The card was 4242 4242 4242 4242.";
  at(214)[2].content += " (internal: stock is at https://bot:Gr4vel-otter-91@stock.larchtully.internal/api)";

  // The same chats pasted twice, and one long complaint with a whole log in it.
  rows.splice(200, 0, structuredClone(rows[10]), structuredClone(rows[11]), structuredClone(rows[12]));
  rows.push(structuredClone(rows[10]), structuredClone(rows[44]));
  const log = Array.from({ length: 260 }, (_, line) => `${String(line).padStart(4, "0")} motor ${d.between(900, 3200)} rpm, battery ${d.between(10, 98)} %, ${d.between(15, 60)} degrees`).join("\n");
  rows[90].messages[1].content += `\nHere is the whole log of the mower:\n${log}`;

  const lines = rows.map((row) => JSON.stringify(row));
  // Cut by an editor that did not like the length.
  lines[275] = lines[275].slice(0, Math.floor(lines[275].length * 0.6));
  return `${lines.join("\n")}\n`;
}
