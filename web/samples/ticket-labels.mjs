// Sample 2: short tickets and one of six labels in alpaca's columns, as a CSV out of a spreadsheet.

const TOPICS = {
  billing: {
    share: 0.44,
    subjects: ["the invoice", "my last bill", "the monthly fee", "the yearly plan", "the VAT line", "the refund", "the card payment", "the direct debit"],
    says: ["is higher than agreed", "was taken twice", "shows another company's name", "has not reached my account", "is missing from the portal", "was refused by my bank", "lists seats we gave up", "came in the wrong currency", "is due before it was sent"],
  },
  login: {
    share: 0.24,
    subjects: ["the sign-in page", "my password", "the code by text message", "single sign-on", "the reset mail", "my account", "the authenticator app"],
    says: ["does not arrive", "loops back to the start", "says unknown user", "is locked after two tries", "expired within a minute", "asks for a phone I no longer own", "works at home but not in the office", "forgets me every hour"],
  },
  bug: {
    share: 0.16,
    subjects: ["the export button", "the calendar view", "search", "the mobile app", "the upload dialog", "the dark theme", "the report builder", "drag and drop"],
    says: ["does nothing", "crashes on large files", "shows yesterday's numbers", "loses umlauts", "hides the last column", "freezes for a minute", "sorts ten before two", "prints an empty page"],
  },
  feature: {
    share: 0.1,
    subjects: ["a weekly digest", "keyboard shortcuts", "an export to Parquet", "roles per project", "a Welsh translation", "webhooks", "two clocks in the header"],
    says: ["would save us hours", "is what the other tool has", "was promised last spring", "is missed by the whole team", "should not be hard, should it", "would make the audit easier"],
  },
  shipping: {
    share: 0.04,
    subjects: ["the parcel with the badge readers", "the second box", "the router", "the replacement handset"],
    says: ["went to the old office", "arrived open", "is stuck at customs", "was signed for by nobody we know"],
  },
  other: {
    share: 0.02,
    subjects: ["your jingle", "the coffee at your fair", "the newsletter"],
    says: ["made my day", "deserves a prize", "reaches me in duplicate"],
  },
};

const FRAMES = [
  (d, text) => `${text[0].toUpperCase()}${text.slice(1)}.`,
  (d, text) => `Since ${d.pick(["Monday", "the update", "this morning", "the move", "last month", "version 4"])} ${text}. ${d.pick(["Please advise.", "Any idea?", "It blocks us.", "No hurry.", ""])}`.trim(),
  (d, text) => `${d.pick(["Hello,", "Hi,", "To whom it may concern:", "URGENT:", "fyi:"])} ${text} and ${d.pick(["my manager asks daily", "we pay for this", "I tried three browsers", "the chat sent me here", "nobody answers the phone", "I have a demo at noon"])}.`,
  (d, text) => `Customer ${d.between(1000, 9999)}: ${text}.`,
  (d, text) => `${d.pick(["Can somebody look at this?", "Third time I write.", "Small thing:", "As discussed on the phone,"])} ${text}${d.pick([", only for some of us", " in all our branches", " since the weekend", ""])}.`,
];

const quoted = (cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

export function ticketLabels(d) {
  const rows = [];
  const count = 420;
  for (const [label, { share, subjects, says }] of Object.entries(TOPICS)) {
    for (let made = 0; made < Math.round(share * count); made += 1) {
      rows.push({ text: d.pick(FRAMES)(d, `${d.pick(subjects)} ${d.pick(says)}`), label });
    }
  }
  for (let index = rows.length - 1; index > 0; index -= 1) {
    const other = d.between(0, index);
    [rows[index], rows[other]] = [rows[other], rows[index]];
  }

  // Two people labelled the same tickets, and did not agree.
  for (const row of [12, 47, 90, 133, 201, 260]) rows.splice(row + 60, 0, { text: rows[row].text, label: rows[row].label === "bug" ? "login" : "bug" });
  // The sheet was pasted twice in one place.
  rows.splice(300, 0, ...rows.slice(150, 168).map((row) => ({ ...row })));
  // Labels as people type them, and some never typed.
  rows[20].label = "Billing";
  rows[21].label = "billing ";
  rows[85].label = "log-in";
  for (const row of [33, 190, 334]) rows[row].label = "";
  rows[240].text = "";
  // Saved as UTF-8, opened as Windows-1252, saved again.
  rows[64].text = "The cafÃ© terminal canâ€™t print receipts, itâ€™s the third time.";
  rows[65].text = "ZÃ¼rich office: the invoice is in franÃ§ais only.";
  rows[177].text = "see attached";
  rows[111].text = 'He said "reset it", I did, and now the page reads:\nError 0x81, contact your administrator.';
  rows[280].text = `Please call me at +49 30 901820 or write to b.ostrowski@nordhafen-logistik.de about the refund.`;

  const lines = rows.map((row) => ["Name the team for this ticket", row.text, row.label].map(quoted).join(","));
  // A comma that nobody quoted.
  lines[222] = "Name the team for this ticket,The portal, again, is down,bug";
  return `instruction,input,output\r\n${lines.join("\r\n")}\r\n`;
}
