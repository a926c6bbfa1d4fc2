"""The benefit waterfall, written a second time from the documents alone.

The sources are docs/policy.md (what a policy file means) and the reference on benefits and on the hospital interface.
Nothing here is shared with the engine: where both agree to the fen on random claims, a slip in one of them is
unlikely to have been made twice.

Numbers are integers throughout:

    money      fen                 (yuan   x 10**2)
    ratio      millionths          (share  x 10**6)
    price      millionths of yuan  (yuan   x 10**6)
    quantity   ten-thousandths     (units  x 10**4)

`settle(case)` takes a case as README.md describes it and returns the expected result. The marks R1, R2, ... name the
places where the documents leave room; README.md says which reading was taken. Given a set as `readings`, `settle`
puts into it the marks of those readings that this very case may hang on.
"""

from datetime import date
from functools import lru_cache

ONE = 10**6  # a ratio of 1

FUNDS = ("hifp", "cvlserv", "hifes", "hifmi", "hifob", "hifdm", "maf", "oth")
STAYS = ("inpatient", "day-surgery", "maternity-inpatient")


class Refused(Exception):
    """The claim cannot be settled; the text is the code of the refusal."""


# ---------------------------------------------------------------------------------------------------------------
# Numbers


@lru_cache(maxsize=1 << 16)
def scaled(text, places):
    """The decimal string (or whole number) `text` times 10**places, exactly."""
    if isinstance(text, int):
        return text * 10**places
    whole, _, part = text.partition(".")
    if len(part) > places:
        if part[places:].strip("0"):
            raise ValueError(f"{text!r} has more than {places} decimals")
        part = part[:places]
    return int(whole + part.ljust(places, "0"))


def money(text):
    return scaled(text, 2)


def ratio(text):
    return scaled(text, 6)


def price(text):
    return scaled(text, 6)


def quantity(text):
    return scaled(text, 4)


def yuan(fen):
    """Fen as a decimal string of yuan."""
    if fen < 0:
        return "-" + yuan(-fen)
    return f"{fen // 100}.{fen % 100:02d}"


def divide(a, b):
    """a / b to the nearest whole number, half away from zero; b is above zero."""
    if a >= 0:
        return (2 * a + b) // (2 * b)
    return -((-2 * a + b) // (2 * b))


def share(amount, millionths):
    return divide(amount * millionths, ONE)


# ---------------------------------------------------------------------------------------------------------------
# The facts a condition is judged on


def visit_kind(med_type):
    """The kind of visit a national med_type stands for (R38)."""
    if med_type.startswith("28"):
        return "day-surgery"
    if med_type.startswith(("2106", "2107", "52")):
        return "maternity-inpatient"
    if med_type.startswith(("21", "22", "23", "24", "71")):
        return "inpatient"
    if med_type.startswith("13"):
        return "emergency"
    if med_type.startswith(("14", "15", "16", "17", "18", "19", "99")):
        return "chronic"
    if med_type.startswith("41"):
        return "pharmacy"
    if med_type.startswith(("51", "53")):
        return "maternity-outpatient"
    return "outpatient"


# hosp_lv as published: 1 to 4 and 12 are third, 5 to 7 and 13 second class, all else first or without.
CLASS_OF_HOSPITAL = {**dict.fromkeys(("1", "2", "3", "4", "12"), "3"), **dict.fromkeys(("5", "6", "7", "13"), "2")}


def full_years(born, day):
    """Full years from `born` to `day`, both ISO dates."""
    years = int(day[:4]) - int(born[:4])
    return years - 1 if day[5:10] < born[5:10] else years


def full_months(since, day):
    months = (int(day[:4]) - int(since[:4])) * 12 + int(day[5:7]) - int(since[5:7])
    return months - 1 if day[8:10] < since[8:10] else months


def covers(row, day):
    """Whether a row with `first` and `last` day (open at the end without one) holds on `day`."""
    return row["first"] <= day and (row["last"] is None or day <= row["last"])


def latest(rows, day):
    """Of the rows that hold on `day` the one that begins last; None if none holds."""
    return max((row for row in rows if covers(row, day)), key=lambda row: row["first"], default=None)


def holding(rows, day):
    """Codes of the dated rows [code, first day, last day or None] that hold on `day`."""
    return [code for code, first, last in rows if first <= day and (last is None or day <= last)]


def filings_of(case, part, days):
    """The kinds of filing that hold for this care (R46)."""
    visit, institution, by = case["visit"], case["institution"], part.by
    day = days[by.get("filing", "start")]
    latest_day = days[by["filing_by"]] if "filing_by" in by else None

    def named(row):
        # A designated institution (03) is the institution; other filings are bound to it only where the policy says so.
        bound = row["kind"] == "03" or by.get("filing_place", "area") == "institution"
        if bound and row["institution"]:
            return row["institution"] == institution["code"]
        area = row["area"]
        if not area:
            return True
        # A province or a city names all that lies in it; else the area must belong to the pool of the place of care.
        stem = area[:2] if area.endswith("0000") else area[:4] if area.endswith("00") else area
        return institution["division"].startswith(stem) or case["areas"].get(area) == institution["pool"]

    kinds = [
        row["kind"]
        for row in case["person"]["filings"]
        if covers(row, day)
        and (latest_day is None or row["made"] is None or row["made"] <= latest_day)
        and row["insutype"] in ("", visit["insutype"])
        and row["disease"] in ("", part.disease)
        and named(row)
    ]
    # R45: an emergency in another pool counts as filed, whatever was filed.
    if part.place != "local" and is_emergency(visit):
        kinds.append("07")
    return kinds


def is_emergency(visit):
    return visit["med_type"].startswith(("13", "24")) or visit["emergency"]


def is_injury(visit):
    return visit["med_type"].startswith("22") or visit["med_type"] == "9903" or visit["injury"]


def liable_share(case):
    """What a third party is liable for: as the visit says; of an injury else as its filing (R47)."""
    visit = case["visit"]
    stated = ratio(visit["third_party_share"])
    if stated or not is_injury(visit):
        return stated
    rows = [row for row in case["person"]["filings"] if row["kind"] == "02" and covers(row, visit["begin"][:10])]
    rows.sort(key=lambda row: row["first"])
    return ratio(rows[-1]["share"]) if rows else 0


def policy_of(case, days):
    """The policy for these days. Which of them selects it is itself policy: the one of the end is asked (R39)."""

    def on(day):
        rows = [
            {"first": policy["effective_from"], "last": policy.get("effective_to"), "policy": policy}
            for policy in case["policies"]
        ]
        return latest(rows, day)["policy"]

    policy = on(days["end"])
    by = policy.get("dates", {}).get("policy", "end")
    return policy if by == "end" else on(days[by])


class Part:
    """A claim part: the whole claim, or the lines of one calendar year of a stay that is split by fee date."""

    def __init__(self, case, index, days, age):
        person, visit = case["person"], case["visit"]
        policy = self.policy = policy_of(case, days)
        self.index = index
        self.days = days
        self.by = by = policy.get("dates", {})

        # Without a relation on either end of the part there is no pool whose policy could be asked.
        relations = [row for row in person["relations"] if row["insutype"] == visit["insutype"]]
        relation = latest(relations, days[by.get("entitlement", "start")])
        if relation is None or not any(covers(row, days[end]) for row in relations for end in ("start", "end")):
            raise Refused("NOT_INSURED")

        self.visit_id = visit["id"]
        self.insutype = visit["insutype"]
        self.med_type = visit["med_type"]
        self.visit = visit_kind(self.med_type)
        self.psn_type = relation["psn_type"]
        self.level = case["institution"]["level"]
        self.civil_servant = relation["civil_servant"]
        self.sex = person["sex"]
        self.age = age
        self.disease = visit["disease"] or visit["main_diagnosis"]
        self.identities = holding(person["identities"], days[by.get("identity", "start")])
        # R2: counted on the day that selects the entitlement.
        self.insured_months = full_months(relation["first"], days[by.get("entitlement", "start")])
        entitled = days[by.get("entitlement", "start")]
        # R48: dated years of contribution go before those of the relation.
        dated = [row for row in person["contributions"] if row["insutype"] == self.insutype and row["first"] <= entitled]
        self.contribution_years = (
            max(dated, key=lambda row: row["first"])["years"] if dated else relation["contribution_years"]
        )
        self.paused = any(row["insutype"] == self.insutype and covers(row, entitled) for row in person["pauses"])
        self.emergency, self.injury = is_emergency(visit), is_injury(visit)
        self.birth, self.birth_control = visit["birth"], visit["birth_control"]

        pool, home = case["institution"]["pool"], policy["pool_area"]
        if pool == home:
            self.place = "local"
        elif pool[:2] == home[:2]:
            self.place = "province"
        else:
            self.place = "remote"
        self.filings = filings_of(case, self, days)

        # The day in whose month, quarter and year the part counts.
        self.counts = days[by.get("year", "end")]

        # A part that ends in a year after that of admission bears a deductible of its own, or goes on with the old
        # one. That may also be what is left after a forced mid-stay settlement; R15, R12: it begins anew then too.
        over_year = days["end"][:4] > visit["begin"][:4]
        self.second_deductible = by.get("second_deductible", False)
        self.own_deductible = over_year and self.second_deductible and by.get("cross_year", "whole") != "whole"
        # One deductible for the whole stay counts the nights from admission; one of its own those of its year.
        first = max(days["start"], f"{days['end'][:4]}-01-01") if self.own_deductible else visit["begin"][:10]
        self.nights = max(1, (date.fromisoformat(days["end"]) - date.fromisoformat(first)).days)

    def period(self, acc):
        """The name of the period in which an accumulator counts this part."""
        if acc["period"] == "stay":
            own = self.own_deductible and acc["feeds"] == "deductible"
            return f"{self.visit_id}/{self.days['end'][:4]}" if own else self.visit_id
        if acc["period"] == "month":
            return self.counts[:7]
        if acc["period"] == "quarter":
            return f"{self.counts[:4]}Q{(int(self.counts[5:7]) + 2) // 3}"
        return self.counts[:4]


def begins_with(text, prefixes):
    return any(text.startswith(prefix) for prefix in prefixes)


def any_begins_with(texts, prefixes):
    return any(begins_with(text, prefixes) for text in texts)


CONDITIONS = {
    "visit": lambda want, part: part.visit in want,
    "med_type": lambda want, part: begins_with(part.med_type, want),
    "psn_type": lambda want, part: begins_with(part.psn_type, want),
    "level": lambda want, part: part.level in want,
    "identity": lambda want, part: any_begins_with(part.identities, want),
    "not_identity": lambda want, part: not any_begins_with(part.identities, want),
    "civil_servant": lambda want, part: part.civil_servant == want,
    "sex": lambda want, part: part.sex == want,
    "age_min": lambda want, part: part.age >= want,
    "age_max": lambda want, part: part.age <= want,
    "disease": lambda want, part: begins_with(part.disease, want),
    "place": lambda want, part: part.place in want,
    "filed": lambda want, part: any(code in want for code in part.filings),
    "not_filed": lambda want, part: not any(code in want for code in part.filings),
    "insured_months_below": lambda want, part: part.insured_months < want,
    "emergency": lambda want, part: part.emergency == want,
    "injury": lambda want, part: part.injury == want,
    "birth": lambda want, part: part.birth in want,
    "birth_control": lambda want, part: part.birth_control in want,
}


def holds(when, part):
    """Every key given must match; no key at all always holds. An unknown key is an error, not a match."""
    if not when:
        return True
    return all(CONDITIONS[key](want, part) for key, want in when.items())


def figure(cases, part):
    """The value of a figure for this part: that of the first case that holds, else None."""
    for case in cases or ():
        if holds(case.get("when"), part):
            return case["value"]
    return None


def money_figure(cases, part):
    value = figure(cases, part)
    return None if value is None else money(value)


def ratio_figure(cases, part):
    value = figure(cases, part)
    return None if value is None else ratio(value)


def days_of(case):
    """First and last day of the claim, and the day of its settlement."""
    visit, request = case["visit"], case["request"]
    settled = request["time"][:10]
    if visit_kind(visit["med_type"]) not in STAYS:
        end = visit["begin"][:10]  # for an outpatient visit both dates are the visit
    elif visit["end"] is not None:
        end = visit["end"][:10]
    else:
        end = settled
    return {"start": visit["begin"][:10], "end": end, "settlement": settled}


def parts_of(case):
    """The claim parts in order. Raises `Refused` where the claim cannot be settled."""
    days = days_of(case)
    death = case["person"]["death"]
    if death is not None and death < days["start"]:
        raise Refused("PERSON_DECEASED")
    cross_year = policy_of(case, days).get("dates", {}).get("cross_year", "whole")
    first, last = int(days["start"][:4]), int(days["end"][:4])
    # The age is that of the first day of the visit, in every part.
    age = full_years(case["person"]["birth"], days["start"])

    if first == last or cross_year == "whole":
        return [Part(case, 0, days, age)]
    if cross_year == "forced-mid-stay":
        years = {max(int(line["time"][:4]), first) for line in case["lines"]}
        if not years or min(years) >= last:
            return [Part(case, 0, days, age)]
        if not case["request"]["mid_stay"] or len(years) > 1:
            raise Refused("YEAR_NOT_SETTLED")
        # The settlement that is wanted, come late: the old year's lines alone, as if settled on its last day.
        year = min(years)
        start, end = max(days["start"], f"{year}-01-01"), f"{year}-12-31"
        return [Part(case, 0, {"start": start, "end": end, "settlement": end}, age)]

    # R35: a year has a part where it has lines. A bill without any has all of them.
    years = sorted({year_of(case, line) for line in case["lines"]}) or range(first, last + 1)
    parts = []
    for index, year in enumerate(years):
        start, end = max(days["start"], f"{year}-01-01"), min(days["end"], f"{year}-12-31")
        # R41: a part that ends with its year was settled then, as far as dates go.
        settled = days["settlement"] if end == days["end"] else end
        parts.append(Part(case, index, {"start": start, "end": end, "settlement": settled}, age))
    return parts


def year_of(case, line):
    """The year of a line of a stay split by fee date. A refund goes with its original of the same bill (R8)."""
    originals = {other["no"]: other for other in case["lines"] if other["refund_of"] is None}
    year = int(originals.get(line["refund_of"], line)["time"][:4])
    days = days_of(case)
    return min(max(year, int(days["start"][:4])), int(days["end"][:4]))


def part_of(case, parts, line):
    if len(parts) == 1:
        return parts[0]
    year = year_of(case, line)
    return next(part for part in parts if int(part.days["start"][:4]) == year)


# ---------------------------------------------------------------------------------------------------------------
# The split of the lines


class Split:
    """A line (or a sum of lines) divided into its four parts."""

    __slots__ = ("amount", "ownpay", "overlimit", "preselfpay", "in_scope", "hospital")

    def __init__(self, amount=0, ownpay=0, overlimit=0, preselfpay=0, in_scope=0, hospital=0):
        self.amount = amount
        self.ownpay = ownpay
        self.overlimit = overlimit
        self.preselfpay = preselfpay
        self.in_scope = in_scope
        self.hospital = hospital  # of what is above the limit, what the hospital bears

    def add(self, other):
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def less(self, other):
        return Split(*(getattr(self, name) - getattr(other, name) for name in self.__slots__))


def own_or_general(rows, area, find):
    """What an area's own rows have, else what the general ones have (R49)."""
    own = find([row for row in rows if row["area"] == area])
    return find([row for row in rows if row["area"] == ""]) if own is None else own


def advance_ratio(item, person_type, unit_price):
    """The advance self-pay ratio of a row of the catalogue: rows of the person type, else of 99, else none.

    Of rows by price band (type 30) the one with the highest bound that the price reaches counts.
    """
    for wanted in (person_type, "99"):
        rows = [row for row in item["ratios"] if row["person_type"] == wanted]
        rows = [row for row in rows if row["from_price"] is None or unit_price >= price(row["from_price"])]
        if rows:
            row = max(rows, key=lambda row: price(row["from_price"] or "0"))
            stated = ratio(row["ratio"])
            return ONE - stated if row["ratio_type"] == "20" else stated
    return None


class Pricing:
    """All that decides how one line is divided, apart from how much of it there is."""

    def __init__(self, case, line, part, readings):
        rules = part.policy.get("split", {})
        by = part.by.get("catalogue", "fee")
        # Dates other than the line's own are those of the whole claim.
        day = line["time"][:10] if by == "fee" else days_of(case)[by]
        # Class and limit price are those of the place of care; whose ratio counts is said by the policy.
        rows = [row for row in case["catalogue"] if row["code"] == line["item"] and covers(row, day)]
        care = case["institution"]["pool"]
        item = own_or_general(rows, care, lambda found: latest(found, day))
        approval = line["approval"]
        excluded = item is None or item["class"] == "03" or approval == "2"
        if not excluded and item["restricted"]:
            excluded = approval != "1"
        self.excluded = excluded
        self.item = item
        self.price = price(line["price"])
        self.ratio_first = rules.get("order", "limit-first") == "ratio-first"
        self.extra = ratio_figure(rules.get("extra_selfpay"), part) or 0
        if not excluded:
            institution = case["institution"]
            level = {
                "lmtpric": institution["price_level"],
                "dedc": institution["level"],
                "hosp": CLASS_OF_HOSPITAL.get(institution["hosp_lv"], "1"),
            }[rules.get("limit_level", "lmtpric")]
            limited = own_or_general(
                rows, care, lambda found: latest([row for row in found if level in row["limits"]], day)
            )
            self.limit = None if limited is None else price(limited["limits"][level])
            way = "" if limited is None else limited["ways"].get(level, "")
            general = rules.get("overlimit_borne_by", "person")
            self.hospital_bears = rules.get("overlimit_ways", {}).get(way, general) == "hospital"
            person_type = rules.get("ratio_person_type") or part.policy["insutype"]
            area = care if rules.get("ratio_of", "care") == "care" else part.policy["pool_area"]

            def stated(found):
                row = latest(found, day)
                return None if row is None else advance_ratio(row, person_type, self.price)

            # Class A has no advance self-pay, whatever a row says.
            self.ratio = (own_or_general(rows, area, stated) or 0) if item["class"] == "02" else 0

    def split(self, amount, units, room):
        """Divide `amount` for `units`, where the item's caps leave `room` (None without a cap)."""
        if self.excluded:
            return Split(amount, ownpay=amount)
        if units == 0:
            return Split(amount, in_scope=amount)  # nothing remains; the amount is then nothing too

        allowed = units if room is None else min(units, room)
        ownpay = divide(amount * (units - allowed), units) if allowed < units else 0
        rest, units = amount - ownpay, allowed

        overlimit = 0
        if self.ratio_first:
            preselfpay = share(rest, self.ratio)
            if self.limit is not None:
                overlimit = max(0, rest - preselfpay - divide(self.limit * units, 10**8))
        else:
            if self.limit is not None and self.price > self.limit:
                # Held within the rest: the amount may be a fen off price x quantity (R4).
                overlimit = min(rest, max(0, rest - divide(self.limit * units, 10**8)))
            preselfpay = share(rest - overlimit, self.ratio)
        in_scope = rest - preselfpay - overlimit

        extra = share(in_scope, self.extra)
        hospital = overlimit if self.hospital_bears else 0
        return Split(amount, ownpay, overlimit, preselfpay + extra, in_scope - extra, hospital)


class Units:
    """Units of each item that passed its caps so far."""

    def __init__(self):
        self.taken = {}

    @staticmethod
    def caps(line, item):
        """[(what is counted, how much of it may pass)]: by the day, by the stay (R9: whatever its parts)."""
        found = []
        if item["max_per_day"] is not None:
            found.append(((line["item"], line["time"][:10]), quantity(item["max_per_day"])))
        if item["max_per_stay"] is not None:
            found.append((line["item"], quantity(item["max_per_stay"])))
        return found

    def room(self, line, pricing):
        """What is left for a line; None without a cap."""
        if pricing.excluded:
            return None  # nothing else applies to it
        return min(
            (max(0, most - self.taken.get(counted, 0)) for counted, most in self.caps(line, pricing.item)),
            default=None,
        )

    def take(self, line, pricing, units):
        """R10: only units that pass count; those cut off by one cap use nothing of the other."""
        if not pricing.excluded:
            for counted in ((line["item"], line["time"][:10]), line["item"]):
                self.taken[counted] = self.taken.get(counted, 0) + units


def line_order(line):
    return (line["time"], line["no"])


def taken_back(refunds, no):
    return sum(quantity(refund["quantity"]) for refund in refunds.get(no, ()))


def refunds_of(lines):
    """The refunds of each line, in their order."""
    refunds = {}
    for line in sorted(lines, key=line_order):
        if line["refund_of"] is not None:
            refunds.setdefault(line["refund_of"], []).append(line)
    return refunds


def split_lines(case, parts, readings):
    """[(line, its part, its Split)] in the order (time, no).

    Each original is taken together with its refunds. The state after each refund, that is what then remains of the
    original, is split as if it stood alone; a refund line shows the difference its coming makes (R6), so that the
    original and the refunds so far always add up to the split of what remains. Item caps are used up by what remains
    at last: room that a refund frees is there for the lines after the original (R5).

    Lines that an earlier settlement of the stay settled come first. Their split stands; a refund that comes now takes
    back what it makes of it.
    """
    refunds, settled_refunds = refunds_of(case["lines"]), refunds_of(case["settled"])
    settled = sorted((line for line in case["settled"] if line["refund_of"] is None), key=line_order)
    originals = sorted((line for line in case["lines"] if line["refund_of"] is None), key=line_order)

    # R50: the parts settled before, one after the other, each as it was decided: a refund frees room from its own
    # part on, and what passed before it stands.
    taken, passing = Units(), {}

    def take_part(lines, pricing_of):
        own = refunds_of(lines)
        for no, back in own.items():
            if no in passing:
                line, pricing, room, units = passing[no]
                left = units + sum(quantity(refund["quantity"]) for refund in back)
                before, after = (units, left) if room is None else (min(units, room), min(left, room))
                taken.take(line, pricing, after - before)
                passing[no] = (line, pricing, room, left)
        for line in sorted((line for line in lines if line["refund_of"] is None), key=line_order):
            pricing = pricing_of(line)
            room = taken.room(line, pricing)
            units = quantity(line["quantity"]) + taken_back(own, line["no"])
            taken.take(line, pricing, units if room is None else min(units, room))
            passing[line["no"]] = (line, pricing, room, units)

    for number in sorted({line["part"] for line in case["settled"]}):
        part_lines = [line for line in case["settled"] if line["part"] == number]
        take_part(part_lines, lambda line: Pricing(case, line, parts[0], readings))
    take_part(case["lines"], lambda line: Pricing(case, line, part_of(case, parts, line), readings))
    room_of = {no: room for no, (_, _, room, _) in passing.items()}
    results = {}

    def give_back(line, pricing, room, units, amount):
        """The refunds of an original of which `units` and `amount` are left."""
        state = pricing.split(amount, units, room)
        back = refunds.get(line["no"], ())
        for refund in back:
            units += quantity(refund["quantity"])
            amount += money(refund["amount"])
            if units < 0 or (units > 0 and amount < 0):
                raise Refused("REFUND_TOO_LARGE")
            if units == 0:
                # The last refund takes whatever amount is left, not the one it was sent with (R7).
                if amount != 0:
                    readings.add("R7")
                amount = 0
            after = pricing.split(amount, units, room)
            part = part_of(case, parts, refund)
            results[refund["no"]] = (refund, part, after.less(state))
            state = after
            if len(parts) > 1 and refund["time"][:4] != line["time"][:4]:
                readings.add("R8")
        if len(back) > 1:
            readings.add("R6")
        if back and room is not None:
            readings.add("R5")

    for line in settled:
        amount = money(line["settled"]) + sum(money(back["settled"]) for back in settled_refunds.get(line["no"], ()))
        units = quantity(line["quantity"]) + taken_back(settled_refunds, line["no"])
        for refund in refunds.get(line["no"], ())[:1]:
            # R42: what an earlier settlement settled is taken back by the rules of this one.
            pricing = Pricing(case, line, part_of(case, parts, refund), readings)
            give_back(line, pricing, room_of[line["no"]], units, amount)

    for line in originals:
        part = part_of(case, parts, line)
        pricing = Pricing(case, line, part, readings)
        units, amount, room = quantity(line["quantity"]), money(line["amount"]), room_of[line["no"]]
        results[line["no"]] = (line, part, pricing.split(amount, units, room))
        give_back(line, pricing, room, units, amount)

    return [results[line["no"]] for line in sorted(case["lines"], key=line_order)]


# ---------------------------------------------------------------------------------------------------------------
# Accumulators


class Accumulators:
    """The values before the claim, and what the claim adds.

    A layer sees what the layers before it have fed, in the same part and in earlier ones (R11, R12). An accumulator
    of stays never counts the stay being settled.
    """

    def __init__(self, case, readings):
        self.held = case["held"]
        self.readings = readings
        self.earlier = {}  # fed by earlier parts, by key and period
        self.added = {}  # fed by this part, by key
        self.part = None
        self.feeding = []

    def open(self, part):
        self.part = part
        self.declared = part.policy.get("accumulator", [])
        self.by_key = {acc["key"]: acc for acc in self.declared}
        self.feeding = [acc for acc in self.declared if holds(acc.get("when"), part)]
        self.added = {}

    def close(self):
        """What this part added, in the order of the policy."""
        entries = []
        for acc in self.declared:
            amount = self.added.get(acc["key"], 0)
            if amount:
                at = (acc["key"], self.part.period(acc))
                self.earlier[at] = self.earlier.get(at, 0) + amount
                entries.append(
                    {
                        "key": acc["key"],
                        "period": self.part.period(acc),
                        "disease": self.disease(acc),
                        "amount": yuan(amount),
                    }
                )
        return entries

    def disease(self, acc):
        return self.part.disease if acc.get("per_disease", False) else ""

    def before(self, acc):
        """The sum of the entries of settlements that live, in the period of this part."""
        wanted = (acc["key"], self.part.period(acc), self.disease(acc), self.part.insutype)
        return sum(
            money(entry["amount"])
            for entry in self.held
            if (entry["key"], entry["period"], entry["disease"], entry["insutype"]) == wanted
            and (acc["feeds"] != "stays" or entry["visit"] != self.part.visit_id)
        )

    def of_this_stay_from_earlier_years(self, key):
        """What settlements of this stay fed in years before this part's: a mid-stay settlement in December (R17)."""
        acc = self.by_key[key]
        if self.part.visit not in STAYS or acc["period"] == "stay":
            return 0
        wanted = (key, self.disease(acc), self.part.insutype, self.part.visit_id)
        return sum(
            money(entry["amount"])
            for entry in self.held
            if (entry["key"], entry["disease"], entry["insutype"], entry["visit"]) == wanted
            and entry["period"][:4] < self.part.period(acc)[:4]
        )

    def value(self, key):
        acc = self.by_key[key]
        if acc["feeds"] == "stays":
            return self.before(acc)
        added = self.added.get(key, 0)
        earlier = self.earlier.get((key, self.part.period(acc)), 0)
        if added:
            self.readings.add("R11")
        if earlier:
            self.readings.add("R12")
        return self.before(acc) + earlier + added

    def add(self, key, amount):
        if amount:
            self.added[key] = self.added.get(key, 0) + amount

    def is_fed_by(self, key, layer):
        """Whether what a layer does in this part goes into an accumulator."""
        acc = self.by_key[key]
        return acc in self.feeding and (not acc.get("layers") or layer in acc["layers"])

    def feed_layer(self, name, **amounts):
        """What one layer (or the floor) did: deductible, outlay, base, scope."""
        for acc in self.feeding:
            if acc["feeds"] in amounts and self.is_fed_by(acc["key"], name):
                self.add(acc["key"], amounts[acc["feeds"]])

    def feed_part(self, in_scope, stay):
        for acc in self.feeding:
            if acc["feeds"] == "in-scope":
                self.add(acc["key"], in_scope)
            elif acc["feeds"] == "stays" and stay:
                self.add(acc["key"], 100)  # one whole stay, as "1.00"


# ---------------------------------------------------------------------------------------------------------------
# One layer


def repeated(standard, repeat, stays):
    """The standard reduced for `stays` stays before this one."""
    if "factors" in repeat:
        factors = repeat["factors"]
        reduced = share(standard, ratio(factors[min(stays, len(factors) - 1)]))
    elif "minus" in repeat:
        reduced = max(0, standard - money(repeat["minus"]) * stays)
    elif "compound" in repeat:
        reduced = standard
        for _ in range(stays):
            if reduced == 0:
                break
            reduced = share(reduced, ratio(repeat["compound"]))
    else:
        reduced = standard
    return reduced


def deductible_due(layer, part, claim):
    """What the first deductible of the layer that holds still asks for."""
    accumulators = claim.accumulators
    rows = layer.get("deductible", ())
    chosen = next((row for row in rows if holds(row.get("when"), part)), None)
    if chosen is None:
        return 0
    standard = money_figure(chosen.get("standard"), part)
    if standard is None:
        if chosen is not rows[-1]:
            claim.readings.add("R14")  # a deductible that holds without a standard ends the search
        return 0

    repeat = chosen.get("repeat")
    if repeat:
        reduced = repeated(standard, repeat, accumulators.value(repeat["accumulator"]) // 100)
        floor = money_figure(repeat.get("floor"), part)
        if floor is not None:
            reduced = max(reduced, min(floor, standard))
        standard = reduced

    periods = 1
    every = chosen.get("recharge_days")
    if every is not None:
        if len(claim.parts) > 1 or part.own_deductible:
            claim.readings.add("R15")
        periods = (part.nights - 1) // every + 1

    charged = 0
    key = chosen.get("accumulator")
    if key is not None:
        charged += accumulators.value(key)
    referral = chosen.get("referral", "ignored")
    if referral == "counts" or (referral == "consortium" and claim.same_consortium):
        charged += claim.referred_deductible
        if claim.referred_deductible and part.index > 0:
            claim.readings.add("R16")  # in every part
    if not part.second_deductible:
        earlier = claim.charged_earlier.get(layer["id"], 0) if part.index > 0 else 0
        earlier += 0 if key is None else accumulators.of_this_stay_from_earlier_years(key)
        runs_on = key is not None and accumulators.by_key[key]["period"] == "stay"
        if runs_on and accumulators.is_fed_by(key, layer["id"]):
            # An accumulator of the stay holds it already; it is not to count twice.
            if earlier:
                claim.readings.add("R17")
        else:
            charged += earlier
    due = max(0, standard * periods - charged)

    ceiling = money_figure(chosen.get("ceiling"), part)
    if ceiling is not None and chosen.get("ceiling_accumulator") is not None:
        due = min(due, max(0, ceiling - accumulators.value(chosen["ceiling_accumulator"])))
    return due


POINTS, FACTOR, OF_THE_REST = range(3)  # in the order in which `add` takes them


def changes_of(layer, part, readings):
    """The adjustments that hold, as (what it does, millionths, group), in the order written."""
    changes = []
    for adjust in layer.get("adjust", ()):
        if not holds(adjust.get("when"), part):
            continue
        group = adjust.get("group", "")
        if "times" in adjust:
            changes.append((FACTOR, ratio(adjust["times"]), group))
            continue
        if "self_share_times" in adjust:
            changes.append((OF_THE_REST, ratio(adjust["self_share_times"]), group))
            continue
        points = ratio(adjust["points"])
        per = adjust.get("per")
        if per == "year-of-age":
            points *= part.age
        elif per == "missing-contribution-year":
            required = figure(adjust["required_years"], part)
            if part.contribution_years is None or required is None:
                readings.add("R18")  # years not known, or none required: none is missing
                points = 0
            else:
                points *= max(0, required - part.contribution_years)
        changes.append((POINTS, points, group))
    return changes


def changed(value, change):
    does, millionths, _ = change
    if does == POINTS:
        return value + millionths
    if does == FACTOR:
        return share(value, millionths)
    return ONE - share(ONE - value, millionths)


def heaviest_of_each_group(stated, changes):
    """Of changes of one group the one that leaves the least, the first of equals (R51)."""
    kept = []
    for index, change in enumerate(changes):
        rivals = [(changed(stated, other), n) for n, other in enumerate(changes) if other[2] == change[2]]
        if not change[2] or min(rivals)[1] == index:
            kept.append(change)
    return kept


def adjusted(stated, changes, stacking, most):
    changes = heaviest_of_each_group(stated, changes)
    if not changes:
        result = stated
    elif stacking == "largest":
        alone = [changed(stated, change) for change in changes]
        result = min(alone) if any(value < stated for value in alone) else max(alone)
    else:
        if stacking == "add":
            # All points, then all factors; the sort keeps the written order within each.
            changes = sorted(changes, key=lambda change: change[0])
        result = stated
        for change in changes:
            result = changed(result, change)
    return min(max(result, 0), most)


def tier_stretches(layer, low, high, offset):
    """[(from, to, tier or None)] dividing [low, high]; what lies above the last tier has no tier."""
    stretches = []
    begin = offset
    for tier in layer.get("tier", ()):
        top = tier.get("to")
        bound = high if top is None else money(top) + offset
        start, stop = max(low, begin), min(high, bound)
        if start < stop:
            stretches.append((start, stop, tier))
        begin = max(begin, bound)
        if top is None:
            break
    start = max(low, begin)
    if start < high:
        stretches.append((start, high, None))
    return stretches


def rooms_of(layer, part, accumulators):
    """The least room of each kind of cap."""
    rooms = {}
    for cap in layer.get("cap", ()):
        if not holds(cap.get("when"), part):
            continue
        value = money_figure(cap["value"], part)
        if value is None:
            continue
        key = cap.get("accumulator")
        room = value if key is None else max(0, value - accumulators.value(key))
        kind = cap["on"]
        rooms[kind] = min(room, rooms.get(kind, room))
    return rooms


def run_layer(layer, part, claim, state):
    """One layer of the waterfall. `state` is the running state of the part and is brought up to date."""
    # 1. Base
    kind = layer["base"]
    if kind == "in-scope":
        base = state.scope
    elif kind == "residual":
        base = state.scope - state.paid
    else:
        base = state.over_cap
    for name in layer.get("base_add", ()):
        base += state.whole_part(name)
    for name in layer.get("base_less", ()):
        base -= state.whole_part(name)
    base = max(0, base)

    # 2. Deductible
    charged = min(deductible_due(layer, part, claim), base)

    # 3. Axis
    key = layer.get("tiers_accumulator")
    before = claim.accumulators.value(key) if key is not None else 0
    from_zero = layer.get("tiers_from", "threshold") == "zero"
    if from_zero:
        low, high = before + charged, before + base
        contribution = base
    else:
        low, high = before, before + base - charged
        contribution = base - charged

    # 4. Threshold
    threshold = money_figure(layer.get("threshold", {}).get("value"), part) or 0
    low = max(low, threshold)
    high = max(low, high)
    offset = 0 if from_zero else threshold

    # 5. Caps and 6. tiers. First the scope that may enter, then the scope at which the outlay is used up.
    rooms = rooms_of(layer, part, claim.accumulators)
    entered = high
    if "scope" in rooms:
        entered = min(high, low + rooms["scope"])
    changes = changes_of(layer, part, claim.readings)
    most = ratio(layer.get("max_ratio", "1"))
    stacking = layer.get("stacking", "add")

    room = rooms.get("outlay")
    pay, covered = 0, 0
    for start, stop, tier in tier_stretches(layer, low, entered, offset):
        stated = None if tier is None else ratio_figure(tier["ratio"], part)
        if stated is None:
            if changes and tier is not None:
                claim.readings.add("R19")  # no ratio: nothing, and nothing to adjust
            continue
        millionths = adjusted(stated, changes, stacking, most)
        amount = share(stop - start, millionths)
        if room is not None and millionths and amount >= room - pay:
            reach = min(stop - start, divide((room - pay) * ONE, millionths))
            pay += share(reach, millionths)
            covered += reach
            entered = start + reach
            break
        pay += amount
        covered += stop - start
    cut = high - entered

    # 7. Payment
    if room is not None:
        pay = min(pay, room)
    left = state.left()
    if pay > left:
        if len(claim.parts) > 1:
            claim.readings.add("R21")  # the bill of this part
        pay = left

    state.pay(layer, layer["id"], pay)
    state.charged += charged
    claim.charged_now[layer["id"]] = charged
    if kind == "in-scope":
        state.over_cap += cut
    elif kind == "over-cap":
        state.over_cap = cut
    claim.accumulators.feed_layer(
        layer["id"], deductible=charged, outlay=pay, base=contribution, scope=covered
    )


# ---------------------------------------------------------------------------------------------------------------
# A part and the claim


class State:
    """The running state of one part."""

    def __init__(self, total, third_party_share):
        self.total = total
        self.third_party = share(total.in_scope, third_party_share)
        self.scope = total.in_scope - self.third_party
        self.overlimit = total.overlimit - total.hospital
        self.hospital = total.hospital
        self.funds = dict.fromkeys(FUNDS, 0)
        self.payments = []
        self.paid = 0
        self.quota_excess = 0  # of a quota, what the hospital bears
        self.charged = 0
        self.over_cap = 0

    def whole_part(self, name):
        if name == "preselfpay":
            return self.total.preselfpay
        if name == "overlimit":
            return self.overlimit
        if name == "ownpay":
            return self.total.ownpay
        if name == "deductible":
            return self.charged
        raise ValueError(f"no such part: {name}")

    def left(self):
        """What of the bill is left to the person."""
        return max(0, self.total.amount - self.hospital - self.third_party - self.paid)

    def pay(self, row, name, amount):
        """What the fund of a layer, quota or floor pays."""
        self.funds[row["fund"]] += amount
        self.paid += amount
        if amount:
            self.payments.append({"layer": name, "fund_pay_type": row["fund_pay_type"], "amount": yuan(amount)})


class Claim:
    """What the parts of a claim share."""

    def __init__(self, case, parts, readings):
        self.parts = parts
        self.readings = readings
        self.accumulators = Accumulators(case, readings)
        self.referred_deductible = money(case["visit"]["referred_deductible"])
        self.same_consortium = case["institution"]["same_consortium"]
        self.charged_now = {}  # by layer, in this part
        self.charged_earlier = {}  # by layer, in the parts before
        self.by_quota = case["request"]["by_quota"]
        self.quota_paid = 0  # by the parts before
        # Settled in part before: then the stay is counted already.
        self.goes_on = bool(case["settled"]) or any(entry["visit"] == case["visit"]["id"] for entry in case["held"])

    def quota(self, part):
        """The quota that acts, and its value; None if the case is not settled by quota or none holds (R22)."""
        for quota in part.policy.get("quota", ()):
            if (self.by_quota or quota.get("automatic", False)) and holds(quota.get("when"), part):
                value = money_figure(quota["amount"], part)
                return None if value is None else (quota, value)
        if self.by_quota:
            self.readings.add("R22")
        return None

    def run_part(self, part, state):
        accumulators = self.accumulators
        accumulators.open(part)
        self.charged_now = {}

        quota = None if part.paused else self.quota(part)
        if quota is not None:
            row, value = quota
            # R43: one quota for the case, whatever its parts.
            pay = min(max(0, value - self.quota_paid), state.scope)
            self.quota_paid += pay
            state.pay(row, "quota", pay)
            if row.get("excess_borne_by", "person") == "hospital":
                state.quota_excess = state.scope - pay
                state.hospital += state.quota_excess
            # R23: a quota is no layer and feeds no accumulator of what layers do.
            if pay and any(acc["feeds"] == "outlay" and not acc.get("layers") for acc in accumulators.feeding):
                self.readings.add("R23")
        else:
            for layer in part.policy["layer"]:
                # R52: while the insurance is suspended or waiting, only layers that say so pay.
                if (not part.paused or layer.get("during_pause", False)) and holds(layer.get("when"), part):
                    run_layer(layer, part, self, state)
            if not part.paused:
                self.run_floor(part, state)

        if state.third_party and any(acc["feeds"] == "in-scope" for acc in accumulators.feeding):
            self.readings.add("R24")  # the settlement's scope before the third party's share
        stay = part.index == 0 and part.visit in STAYS and not self.goes_on
        accumulators.feed_part(state.total.in_scope, stay)
        for name, amount in self.charged_now.items():
            self.charged_earlier[name] = self.charged_earlier.get(name, 0) + amount

    def run_floor(self, part, state):
        floor = part.policy.get("floor")
        if floor is None or not holds(floor.get("when"), part):
            return
        millionths = ratio_figure(floor["ratio"], part)
        if millionths is None:
            return
        whole = state.total.amount if floor.get("of_total", False) else state.scope
        pay = min(max(0, share(whole, millionths) - state.paid), state.left())
        state.pay(floor, "floor", pay)
        if pay and any(acc["feeds"] == "outlay" and not acc.get("layers") for acc in self.accumulators.feeding):
            self.readings.add("R25")  # "all layers" takes in the floor
        self.accumulators.feed_layer("floor", outlay=pay)


def account_allowed(part, states, readings):
    """What accounts may pay of the claim, before balances and the person's share are looked at."""
    account = part.policy.get("account", {})
    if account.get("visit") and part.visit not in account["visit"]:
        return 0
    allowed = 0
    for state in states:
        for name in account.get("pays", ()):
            if name == "in-scope":
                # R34: of the person's share; a quota's excess that the hospital bears is none of it.
                if state.quota_excess:
                    readings.add("R34")
                allowed += max(0, state.scope - state.paid - state.quota_excess)
            else:
                # R26: over the limit counts only where the person bears it.
                if name == "overlimit" and state.overlimit != state.total.overlimit:
                    readings.add("R26")
                allowed += state.whole_part(name)
    return allowed


def settle(case, readings=None):
    """The expected result of a case."""
    try:
        return settled(case, set() if readings is None else readings)
    except Refused as refusal:
        return {"refused": str(refusal)}


def settled(case, readings):
    parts = parts_of(case)
    lines = split_lines(case, parts, readings)

    sums = [Split() for _ in parts]
    for _, part, result in lines:
        sums[part.index].add(result)
    whole = Split()
    for total in sums:
        whole.add(total)

    third_party_share = liable_share(case)
    claim = Claim(case, parts, readings)
    states, entries = [], []
    for part, total in zip(parts, sums):
        state = State(total, third_party_share)
        claim.run_part(part, state)
        states.append(state)
        entries += claim.accumulators.close()

    funds = sum(state.paid for state in states)
    hospital = sum(state.hospital for state in states)
    person = whole.amount - funds - hospital

    # The accounts, by the policy of the last part.
    own_balance, family_balance = money(case["balances"]["own"]), money(case["balances"]["family"])
    use = case["request"]["account_use"]
    allowed = 0
    if use != "none":
        allowed = max(0, min(account_allowed(parts[-1], states, readings), person))
    if use != "family":
        family_balance = 0
    if parts[-1].policy.get("account", {}).get("family_first", False):
        family = min(allowed, family_balance)
        own = min(allowed - family, own_balance)
    else:
        own = min(allowed, own_balance)
        family = min(allowed - own, family_balance)

    # The identities every settlement has to keep.
    assert whole.amount == whole.ownpay + whole.overlimit + whole.preselfpay + whole.in_scope
    assert whole.amount == funds + person + hospital
    assert person >= 0 and 0 <= own + family <= person

    result = {
        "total": yuan(whole.amount),
        "ownpay": yuan(whole.ownpay),
        "overlimit": yuan(whole.overlimit),
        "preselfpay": yuan(whole.preselfpay),
        "in_scope": yuan(whole.in_scope),
        "deductible": yuan(sum(state.charged for state in states)),
    }
    for fund in FUNDS:
        result[fund] = yuan(sum(state.funds[fund] for state in states))
    result["funds"] = yuan(funds)
    result["person"] = yuan(person)
    result["account"] = yuan(own + family)
    result["family_account"] = yuan(family)
    result["cash"] = yuan(person - own - family)
    result["hospital"] = yuan(hospital)
    result["balance"] = yuan(money(case["balances"]["own"]) - own)
    result["lines"] = [
        {
            "no": line["no"],
            "amount": yuan(split.amount),
            "ownpay": yuan(split.ownpay),
            "overlimit": yuan(split.overlimit),
            "preselfpay": yuan(split.preselfpay),
            "in_scope": yuan(split.in_scope),
            "hospital": yuan(split.hospital),
        }
        for line, _, split in lines
    ]
    result["payments"] = [payment for state in states for payment in state.payments]
    result["entries"] = entries
    return result
