"""The invented identifiers of the tests, by the published rules for check digits.

ISO 6166 and Luhn for ISIN; ANSI X9.6 for CUSIP; the London Stock Exchange's weights for SEDOL; the
FIGI standard of the OMG. The first lines check the rules against identifiers printed elsewhere.
Run: python3 identifiers.py
"""


def value(character):
    return int(character) if character.isdigit() else ord(character) - 55


def digit(total):
    return str((10 - total % 10) % 10)


def isin(body):
    total = 0
    for at, one in enumerate(reversed("".join(str(value(one)) for one in body))):
        number = int(one) * (2 if at % 2 == 0 else 1)
        total += number // 10 + number % 10
    return body + digit(total)


def double_add_double(body):
    """CUSIP and FIGI."""
    total = 0
    for at, one in enumerate(body):
        number = value(one) * (2 if at % 2 else 1)
        total += number // 10 + number % 10
    return body + digit(total)


def sedol(body):
    return body + digit(sum(value(one) * weight for one, weight in zip(body, [1, 3, 1, 7, 3, 9])))


assert isin("US037833100") == "US0378331005"
assert double_add_double("03783310") == "037833100"
assert sedol("026349") == "0263494"
assert double_add_double("BBG000B9XRY") == "BBG000B9XRY4"

for number in range(1, 7):
    cusip = double_add_double(f"00000{number}10")
    print(
        double_add_double(f"BBG0000000{number}"),
        isin("US" + cusip),
        cusip,
        sedol(f"B0000{number}"),
    )
