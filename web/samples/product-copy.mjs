// Sample 3: prompts and completions for product texts; nearly clean, as after a first round of repairs.

const THINGS = ["oak desk lamp", "wool blanket", "enamel mug", "travel kettle", "canvas rucksack", "notebook with dotted pages", "bread knife", "shower radio", "felt slippers", "pocket umbrella", "cast-iron pan", "reading stand", "bicycle bell", "lunch box of steel", "rope hammock", "pepper mill", "wall clock", "wooden puzzle", "tea strainer", "picnic rug", "shoe brush", "letter opener", "bird feeder", "bath mat of cork"];
const TRAITS = [["made in one piece", "there is no seam to fail"], ["lighter than it looks", "a child can carry it"], ["quiet", "the baby sleeps on"], ["washable at sixty degrees", "stains are no worry"], ["repairable with one screwdriver", "it stays for decades"], ["from offcuts", "no two are alike"], ["foldable", "it fits behind a door"], ["tested in salt water", "the coast is welcome"], ["balanced by hand", "it never tips"], ["finished with beeswax", "it smells faintly of honey"], ["heat-proof to 260 degrees", "the oven is no enemy"], ["sold with a spare", "you will not search for one"]];
const TONES = ["plain", "warm", "dry", "for a catalogue", "for a shop window", "for people who hate adverts", "in two sentences", "without adjectives"];
const PLACES = ["a small flat", "a windy balcony", "the night train", "a noisy office", "grandmother's kitchen", "the first camping trip", "a rented room", "a long winter"];

const TASKS = [
  (d, thing, [trait, because]) => [`Write a product text for the ${thing}, ${d.pick(TONES)}. Stress that it is ${trait}.`, `${d.pick(["This", "Our", "A", "One good"])} ${thing}, ${trait}: ${because}. ${d.pick(["Made for", "At home in", "At its best in", "Bought for"])} ${d.pick(PLACES)}${d.pick([", kept for good", ", and then for the next one", "", ", year after year"])}.`],
  (d, thing, [trait, because]) => [`Give three bullet points about the ${thing} (${trait}).`, `- ${trait[0].toUpperCase()}${trait.slice(1)}\n- So ${because}\n- Suits ${d.pick(PLACES)}, ${d.pick(["weighs", "comes at"])} ${d.between(90, 2400)} grams`],
  (d, thing, [trait]) => [`Turn this into one headline: "${thing}, ${trait}, ${d.between(9, 140)} euros, ships ${d.pick(["today", "on Monday", "in a week"])}"`, `${thing[0].toUpperCase()}${thing.slice(1)}: ${trait}, ${d.pick(["and yours soon", "at a fair price", "as it should be", "nothing else"])}`],
  (d, thing, [trait, because]) => [`A customer asks whether the ${thing} is right for ${d.pick(PLACES)}. Answer in the shop's voice.`, `${d.pick(["Yes, gladly.", "We think so.", "It was made for that."])} The ${thing} is ${trait}, so ${because}. ${d.pick(["If it disappoints, send it back within sixty days.", "Try it for a month.", "Ask us for the measurements if space is tight."])}`],
];

export function productCopy(d) {
  const rows = Array.from({ length: 300 }, (_, number) => {
    const [prompt, completion] = TASKS[number % TASKS.length](d, THINGS[(number * 5 + d.between(0, 23)) % THINGS.length], d.pick(TRAITS));
    return { prompt, completion };
  });
  rows[37].completion = "I'm sorry, but as an AI language model I can't write advertisements.";
  rows[164].completion = "I cannot fulfill this request.";
  rows[58].completion = "Lorem ipsum dolor sit amet, consectetur adipiscing elit.";
  rows[81].completion = "The wool blanket is so soft youâ€™ll never leave the sofa. A proper dÃ©jÃ\u00a0 vu of childhood.";
  rows[119].completion += " Questions? Write to tomasz@waldlicht-shop.eu.";
  rows[203].completion += "\u0007";
  rows[245].completion = "";
  rows.push({ ...rows[5] }, { prompt: rows[9].prompt, completion: "A dependable companion. That is all we have to say about it." });
  return `${rows.map((row) => JSON.stringify(row)).join("\n")}\n`;
}
