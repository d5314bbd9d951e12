"""Tasks whose rows are drawn: numbers, dates, letters, fields of forms, small tables and statements."""

import random
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

ROWS = 8000
# Without it, faker draws dates and times of day up to the moment it is asked.
LAST_MOMENT = datetime(2026, 11, 26)
ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen").split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
MONTHS = ("January February March April May June July August September October November December").split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def tasks(faker_folder: Path):
    sys.path.insert(0, str(faker_folder))
    from faker import Faker

    def drawn(name, instruction, row):
        draw = random.Random(f"{name} rows 2026")
        return name, instruction, (row(draw) for _ in range(ROWS))

    yield drawn("number_words", "Write this number in digits.", lambda draw: number_words(draw.choice((99, 999, 9999)), draw))
    yield drawn("roman_numeral", "Write this Roman numeral in digits.", roman)
    yield drawn("larger_number", "Which number is larger, the first or the second?", larger)
    yield drawn("divisible", "Is the number divisible by three? Answer yes or no.",
                lambda draw: (lambda n: (str(n), "yes" if n % 3 == 0 else "no"))(draw.randrange(10, 100000)))
    yield drawn("small_sum", "Add the two numbers.",
                lambda draw: (lambda a, b: (f"{a} + {b}", a + b))(draw.randrange(100), draw.randrange(100)))
    yield drawn("date_year_month", "Write year and month of this date as YYYY-MM.", year_month)
    yield drawn("season", "In which season of the northern half of the earth is this date?", season)
    yield drawn("earlier_date", "Which date is earlier, the first or the second?", earlier)
    yield drawn("weekday", "Which day of the week comes that many days later?", weekday)

    english = Faker("en_US")
    english.seed_instance(2026)
    words = sorted({word for _ in range(400) for word in english.text(400).lower().replace(".", "").split()})
    yield drawn("last_letter", "What is the last letter of the word?", lambda draw: pick(draw, words, lambda word: word[-1]))
    yield drawn("vowel_count", "How many vowels has the word?",
                lambda draw: pick(draw, words, lambda word: sum(letter in "aeiou" for letter in word)))
    yield drawn("alphabetic", "Are the words in alphabetic order? Answer yes or no.", lambda draw: alphabetic(draw, words))
    yield drawn("contains_word", "Does the list contain the word before the colon? Answer yes or no.",
                lambda draw: contains(draw, words))
    yield drawn("odd_one_repeated", "Which word stands in the list twice?", lambda draw: repeated(draw, words))

    kinds = ["name", "company", "job", "street_address", "phone_number", "email", "ipv4", "iban", "color_name", "url",
             "license_plate", "currency_name", "file_name", "mac_address", "isbn13", "country", "swift", "date", "catch_phrase"]
    yield drawn("field_kind", "What kind of field is this?",
                lambda draw: (lambda kind: (field(english, kind), kind.replace("_", " ")))(draw.choice(kinds)))
    yield drawn("job_area", "Is this a job, a company or a slogan?",
                lambda draw: (lambda kind: (getattr(english, kind)(), kind.replace("_", " ")))(draw.choice(["job", "company", "bs"])))
    languages = ["en_US", "de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL", "nl_NL", "fi_FI", "tr_TR", "cs_CZ"]
    local = {language: Faker(language) for language in languages}
    for language, fake in local.items():
        fake.seed_instance(2026)
    yield drawn("address_country", "From which country is this address?",
                lambda draw: (lambda language: (local[language].address(), language[3:].lower()))(draw.choice(languages)))
    yield drawn("phone_country", "From which country is this telephone number?",
                lambda draw: (lambda language: (local[language].phone_number(), language[3:].lower()))(draw.choice(languages)))
    yield drawn("company_country", "From which country is this company?",
                lambda draw: (lambda language: (local[language].company(), language[3:].lower()))(draw.choice(languages)))

    people = sorted({english.first_name() for _ in range(400)})
    yield drawn("look_up", "What is the value of the name after the question mark?", lambda draw: look_up(draw, people))
    yield drawn("who_is_tallest", "Who is tallest?", lambda draw: tallest(draw, people))
    yield drawn("ordered_count", "How many pieces were ordered?", lambda draw: ordered(draw, people))
    yield drawn("truth_value", "Is this statement true or false?", truth)
    yield drawn("log_level", "How serious is this line of a log: debug, info, warning or error?", lambda draw: log_line(draw, english))
    yield drawn("ticket_team", "Which team should answer this message?", lambda draw: ticket(draw, people))


def field(english, kind: str) -> str:
    return str(english.date(end_datetime=LAST_MOMENT) if kind == "date" else getattr(english, kind)())


def pick(draw, words, answer):
    word = draw.choice(words)
    prefix = draw.choice(("", "", "un", "re", "pre", "over")) + word
    return prefix, answer(prefix)


def in_words(number: int) -> str:
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10] + ("" if number % 10 == 0 else "-" + ONES[number % 10])
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return f"{in_words(number // size)} {name}" + ("" if rest == 0 else " and " * (size == 100) + " " * (size == 1000) + in_words(rest))
    raise ValueError(number)


def number_words(most, draw):
    number = draw.randrange(most + 1)
    return in_words(number), number


def roman(draw):
    number = rest = draw.randrange(1, 4000)
    text = ""
    for value, sign in ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        text += sign * (rest // value)
        rest %= value
    return text, number


def larger(draw):
    first, second = draw.sample(range(1, draw.choice((100, 1000, 100000))), 2)
    told = [in_words(n) if n < 10000 and draw.random() < 0.3 else str(n) for n in (first, second)]
    return " / ".join(told), "first" if first > second else "second"


def a_day(draw):
    return date(1900, 1, 1) + timedelta(days=draw.randrange(48000))


def told_day(draw, day):
    month = MONTHS[day.month - 1]
    return draw.choice((f"{month} {day.day}, {day.year}", f"{day.day} {month} {day.year}", f"{day.day}.{day.month}.{day.year}"))


def year_month(draw):
    day = a_day(draw)
    return told_day(draw, day), f"{day.year}-{day.month:02}"


def season(draw):
    day = a_day(draw)
    return told_day(draw, day), ("winter", "spring", "summer", "autumn")[day.month % 12 // 3]


def earlier(draw):
    first, second = a_day(draw), a_day(draw)
    return f"{told_day(draw, first)} / {told_day(draw, second)}", "first" if first < second else "second"


def weekday(draw):
    start, later = draw.randrange(7), draw.randrange(1, 800)
    return f"{DAYS[start]}, {later} days later", DAYS[(start + later) % 7].lower()


def alphabetic(draw, words):
    chosen = draw.sample(words, draw.randrange(2, 5))
    if draw.random() < 0.5:
        chosen.sort()
    return ", ".join(chosen), "yes" if chosen == sorted(chosen) else "no"


def contains(draw, words):
    chosen = draw.sample(words, draw.randrange(3, 8))
    word = draw.choice(chosen) if draw.random() < 0.5 else draw.choice(words)
    return f"{word}: {', '.join(chosen)}", "yes" if word in chosen else "no"


def repeated(draw, words):
    chosen = draw.sample(words, draw.randrange(3, 6))
    twice = draw.choice(chosen)
    chosen.insert(draw.randrange(len(chosen)), twice)
    return ", ".join(chosen), twice


def look_up(draw, people):
    chosen = draw.sample(people, draw.randrange(2, 6))
    values = {name: draw.randrange(10, 100) for name in chosen}
    wanted = draw.choice(chosen)
    return ", ".join(f"{name} {value}" for name, value in values.items()) + f" ? {wanted}", values[wanted]


def tallest(draw, people):
    first, second, third = draw.sample(people, 3)
    told = [draw.choice((f"{a} is taller than {b}.", f"{b} is smaller than {a}.")) for a, b in ((first, second), (second, third))]
    draw.shuffle(told)
    return " ".join(told), first


def ordered(draw, people):
    things = draw.choice("chairs lamps tables books shirts cups bags bikes doors phones pens plants".split())
    count, other = draw.randrange(2, 100), draw.randrange(2, 100)
    name = draw.choice(people)
    return draw.choice((
        f"{name} ordered {count} {things} on day {other}.",
        f"Order {other}: please send {count} {things} to {name}.",
        f"We received the order of {name} for {in_words(count)} {things}, to be sent within {other} days.",
        f"{name} asked for {other} {things} at first and ordered {count} in the end.",
    )), count


def truth(draw):
    def value(depth):
        if depth == 0 or draw.random() < 0.2:
            truth = draw.random() < 0.5
            return str(truth).lower(), truth
        kind = draw.choice(("and", "or", "not"))
        first = value(depth - 1)
        if kind == "not":
            return f"not ( {first[0]} )", not first[1]
        second = value(depth - 1)
        return f"( {first[0]} {kind} {second[0]} )", first[1] and second[1] if kind == "and" else first[1] or second[1]
    text, truth = value(draw.choice((1, 2, 3)))
    return text, str(truth).lower()


def log_line(draw, english):
    path, number = english.file_path(), draw.randrange(1, 900)
    level, text = draw.choice((
        ("debug", f"entering handler for {path} with {number} entries"), ("debug", f"cache lookup of key {number} took {number} us"),
        ("debug", f"parsed {number} tokens of {path}"), ("info", f"user {english.user_name()} logged in from {english.ipv4()}"),
        ("info", f"listening on port {number + 8000}"), ("info", f"backup of {path} finished after {number} s"),
        ("warning", f"disk of {path} is {draw.randrange(80, 99)} % full"), ("warning", f"retrying request {number} after timeout"),
        ("warning", f"deprecated option in {path}, line {number}"), ("error", f"could not open {path}: permission denied"),
        ("error", f"connection to {english.ipv4()} refused"), ("error", f"worker {number} ended by signal 11"),
    ))
    return f"{english.date(end_datetime=LAST_MOMENT)} {english.time(end_datetime=LAST_MOMENT)} {text}", level


TICKETS = {
    "billing": ["I was charged {n} dollars twice", "my invoice {n} shows the wrong amount", "please refund order {n}", "the discount is missing on bill {n}"],
    "delivery": ["parcel {n} has not arrived", "the courier left box {n} at a wrong door", "when will order {n} be shipped", "my tracking number {n} does not work"],
    "technical": ["the app shows error {n} when I start it", "I cannot log in since version {n}", "the page stays white after step {n}", "my device {n} does not connect"],
    "sales": ["do you sell {n} licences at once", "what does plan {n} cost a year", "I would like a quote for {n} seats", "is there a trial of edition {n}"],
    "returns": ["item {n} came broken, I want to send it back", "the size of article {n} does not fit", "how do I return order {n}", "wrong colour in parcel {n}, please exchange"],
}


def ticket(draw, people):
    team = draw.choice(list(TICKETS))
    text = draw.choice(TICKETS[team]).format(n=draw.randrange(10, 9999))
    opening = draw.choice(("Hello, ", "Hi there, ", "Good day. ", ""))
    ending = draw.choice((f". Thanks, {draw.choice(people)}", ".", f". Regards, {draw.choice(people)}", ", it is urgent."))
    return opening + text + ending, team
