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

# The key under which a [[layer]] carries its name; docs/policy.md does not give it (R1).
LAYER_ID = "id"
# The key of `repeat` naming the accumulator that counts the stays before; not given either (R1).
REPEAT_STAYS = "accumulator"

FUNDS = ("hifp", "cvlserv", "hifes", "hifmi", "hifob", "hifdm", "maf", "oth")
STAYS = ("inpatient", "day-surgery", "maternity-inpatient")


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
    """The kind of visit a national med_type stands for."""
    if med_type.startswith("28"):
        return "day-surgery"
    if med_type.startswith("2"):
        return "inpatient"
    if med_type.startswith("13"):
        return "emergency"
    if med_type.startswith("14") or med_type.startswith("9901"):
        return "chronic"
    if med_type.startswith("41"):
        return "pharmacy"
    if med_type.startswith("51"):
        return "maternity-outpatient"
    if med_type.startswith("52"):
        return "maternity-inpatient"
    return "outpatient"


def full_years(born, day):
    """Full years from `born` to `day`, both ISO dates."""
    years = int(day[:4]) - int(born[:4])
    return years - 1 if day[5:10] < born[5:10] else years


def full_months(since, day):
    months = (int(day[:4]) - int(since[:4])) * 12 + int(day[5:7]) - int(since[5:7])
    return months - 1 if day[8:10] < since[8:10] else months


def holding(rows, day):
    """Codes of the dated rows [code, first day, last day or None] that hold on `day`."""
    return [code for code, first, last in rows if first <= day and (last is None or day <= last)]


class Part:
    """A claim part: the whole claim, or the lines of one calendar year of a stay that is split by fee date."""

    def __init__(self, case, index, year, start, end):
        policy, person, visit = case["policy"], case["person"], case["visit"]
        self.index = index
        self.year = year
        self.start, self.end = start, end

        settled = case["request"]["time"][:10]
        days = {"start": start, "end": end, "settlement": settled}
        by = policy.get("dates", {})

        self.med_type = visit["med_type"]
        self.visit = visit_kind(self.med_type)
        self.psn_type = person["psn_type"]
        self.level = case["institution"]["level"]
        self.civil_servant = person["civil_servant"]
        self.sex = person["sex"]
        # By the first day of the visit, also in a later part.
        self.age = full_years(person["birth"], visit["begin"][:10])
        self.disease = visit["disease"] or visit["main_diagnosis"]
        self.identities = holding(person["identities"], days[by.get("identity", "start")])
        self.filings = holding(person["filings"], days[by.get("filing", "start")])
        # R2: counted on the day that selects the entitlement.
        self.insured_months = full_months(person["insured_since"], days[by.get("entitlement", "start")])
        self.contribution_years = person["contribution_years"]

        pool, home = case["institution"]["pool"], policy["pool_area"]
        if pool == home:
            self.place = "local"
        elif pool[:2] == home[:2]:
            self.place = "province"
        else:
            self.place = "remote"


def listed(value):
    return value if isinstance(value, list) else [value]


def begins_with(text, prefixes):
    return any(text.startswith(prefix) for prefix in listed(prefixes))


def any_begins_with(texts, prefixes):
    return any(begins_with(text, prefixes) for text in texts)


CONDITIONS = {
    "visit": lambda want, part: part.visit in listed(want),
    "med_type": lambda want, part: begins_with(part.med_type, want),
    "psn_type": lambda want, part: begins_with(part.psn_type, want),
    "level": lambda want, part: part.level in listed(want),
    "identity": lambda want, part: any_begins_with(part.identities, want),
    "not_identity": lambda want, part: not any_begins_with(part.identities, want),
    "civil_servant": lambda want, part: part.civil_servant == want,
    "sex": lambda want, part: part.sex in listed(want),
    "age_min": lambda want, part: part.age >= want,
    "age_max": lambda want, part: part.age <= want,
    "disease": lambda want, part: begins_with(part.disease, want),
    "place": lambda want, part: part.place in listed(want),
    "filed": lambda want, part: any(code in listed(want) for code in part.filings),
    "not_filed": lambda want, part: not any(code in listed(want) for code in part.filings),
    "insured_months_below": lambda want, part: part.insured_months < want,
}


def holds(when, part):
    """Every key given must match; no key at all always holds. An unknown key is an error, not a match."""
    if not when:
        return True
    return all(CONDITIONS[key](want, part) for key, want in when.items())


def figure(spec, part):
    """The value of a figure for this part: that of the first case that holds, else None.

    A figure written as a bare value, or as a table around `value`, is read too, so that the oracle does not depend
    on which figures a policy file may abbreviate (R1).
    """
    if spec is None or isinstance(spec, (str, int)):
        return spec
    if isinstance(spec, dict):
        return figure(spec["value"], part) if holds(spec.get("when"), part) else None
    for case in spec:
        if holds(case.get("when"), part):
            return case["value"]
    return None


def money_figure(spec, part):
    value = figure(spec, part)
    return None if value is None else money(value)


def ratio_figure(spec, part):
    value = figure(spec, part)
    return None if value is None else ratio(value)


def parts_of(case):
    """The claim parts in order."""
    visit, request = case["visit"], case["request"]
    begin = visit["begin"][:10]
    if visit_kind(visit["med_type"]) not in STAYS:
        end = begin  # for an outpatient visit both dates are the visit
    elif visit["end"] is not None and not request["mid_stay"]:
        end = visit["end"][:10]
    else:
        end = request["time"][:10]

    cross_year = case["policy"].get("dates", {}).get("cross_year", "whole")
    first, last = int(begin[:4]), int(end[:4])
    if first == last or cross_year == "whole":
        return [Part(case, 0, first if first == last else None, begin, end)]
    if cross_year == "forced-mid-stay":
        raise ValueError("refused: the old year has to be settled mid-stay first")
    return [
        Part(case, year - first, year, max(begin, f"{year}-01-01"), min(end, f"{year}-12-31"))
        for year in range(first, last + 1)
    ]


# ---------------------------------------------------------------------------------------------------------------
# The split of the lines


class Split:
    """A line (or a sum of lines) divided into its four parts."""

    __slots__ = ("amount", "ownpay", "overlimit", "preselfpay", "in_scope")

    def __init__(self, amount=0, ownpay=0, overlimit=0, preselfpay=0, in_scope=0):
        self.amount = amount
        self.ownpay = ownpay
        self.overlimit = overlimit
        self.preselfpay = preselfpay
        self.in_scope = in_scope

    def add(self, other):
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def less(self, other):
        return Split(*(getattr(self, name) - getattr(other, name) for name in self.__slots__))


def advance_ratio(item, person_type):
    """The advance self-pay ratio of an item: rows of the person type, else of 99, else nothing. Class B only."""
    if item["class"] != "02":
        return 0
    for wanted in (person_type, "99"):
        for row in item["ratios"]:
            if row["person_type"] == wanted:
                stated = ratio(row["ratio"])
                return ONE - stated if row["ratio_type"] == "20" else stated
    return 0


class Pricing:
    """All that decides how one line is divided, apart from how much of it there is."""

    def __init__(self, case, line, item, part, readings):
        rules = case["policy"].get("split", {})
        approval = line["approval"]
        # R3: refused (2) is own pay for an unrestricted item too.
        excluded = item is None or item["class"] == "03"
        if not excluded:
            if item["restricted"]:
                excluded = approval != "1"
            elif approval == "2":
                readings.add("R3")
                excluded = True
        self.excluded = excluded
        self.price = price(line["price"])
        self.ratio_first = rules.get("order", "limit-first") == "ratio-first"
        self.extra = ratio_figure(rules.get("extra_selfpay"), part) or 0
        if not excluded:
            # The three levels of an institution are one and the same in a case, whatever `limit_level` says.
            limit = item["limits"].get(case["institution"]["level"])
            self.limit = None if limit is None else price(limit)
            person_type = rules.get("ratio_person_type", case["policy"]["insutype"])
            self.ratio = advance_ratio(item, person_type)

    def split(self, amount, units, allowed):
        """Divide `amount` for `units`, of which the item's caps let `allowed` pass."""
        if self.excluded:
            return Split(amount, ownpay=amount)
        if units == 0:
            return Split(amount, in_scope=amount)  # nothing remains; the amount is then nothing too

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
        return Split(amount, ownpay, overlimit, preselfpay + extra, in_scope - extra)


def line_order(line):
    return (line["time"], line["no"])


def split_lines(case, parts, readings):
    """[(line, its part, its Split)] in the order (time, no).

    Each original is taken together with its refunds. The state after each refund, that is what then remains of the
    original, is split as if it stood alone; a refund line shows the difference its coming makes (R6), so that the
    original and the refunds so far always add up to the split of what remains. Item caps are used up by what remains
    at last: room that a refund frees is there for the lines after the original (R5).
    """
    lines = sorted(case["lines"], key=line_order)
    items = {item["code"]: item for item in case["catalogue"]}
    refunds = {}
    for line in lines:
        if line["refund_of"] is not None:
            refunds.setdefault(line["refund_of"], []).append(line)

    taken_day, taken_stay = {}, {}
    results = {}
    part_of_item = {}
    for line in lines:
        if line["refund_of"] is not None:
            continue
        part = parts[0] if len(parts) == 1 else parts[int(line["time"][:4]) - int(parts[0].start[:4])]
        code = line["item"]
        item = items.get(code)
        pricing = Pricing(case, line, item, part, readings)

        # What the item's caps leave room for.
        rooms = []
        day = (code, line["time"][:10])
        if not pricing.excluded:
            if item["max_per_day"] is not None:
                rooms.append(max(0, quantity(item["max_per_day"]) - taken_day.get(day, 0)))
            if item["max_per_stay"] is not None:
                rooms.append(max(0, quantity(item["max_per_stay"]) - taken_stay.get(code, 0)))
                if part_of_item.setdefault(code, part.index) != part.index:
                    readings.add("R9")  # one cap for the whole stay, however many parts it has
        room = min(rooms) if rooms else None

        def split(amount, units):
            return pricing.split(amount, units, units if room is None else min(units, room))

        amount, units = money(line["amount"]), quantity(line["quantity"])
        state = split(amount, units)
        results[line["no"]] = (line, part, state)

        back = refunds.get(line["no"], ())
        for refund in back:
            units += quantity(refund["quantity"])
            if units < 0 or (units > 0 and amount + money(refund["amount"]) < 0):
                raise ValueError(f"line {line['no']}: more refunded than there was")
            if units == 0:
                # The last refund takes whatever amount is left, not the one it was sent with (R7).
                if amount + money(refund["amount"]) != 0:
                    readings.add("R7")
                amount = 0
            else:
                amount += money(refund["amount"])
            after = split(amount, units)
            if refund["time"][:4] != line["time"][:4] and len(parts) > 1:
                readings.add("R8")  # a refund belongs to the part of its original
            results[refund["no"]] = (refund, part, after.less(state))
            state = after
        if len(back) > 1:
            readings.add("R6")
        if back and rooms:
            readings.add("R5")

        if rooms:
            # Only units that pass count; those cut off by one cap use nothing of the other.
            if len(rooms) == 2 and room < units:
                readings.add("R10")
            passed = min(units, room)
            taken_day[day] = taken_day.get(day, 0) + passed
            taken_stay[code] = taken_stay.get(code, 0) + passed

    return [results[line["no"]] for line in lines]


# ---------------------------------------------------------------------------------------------------------------
# Accumulators


class Accumulators:
    """The values before the claim, and what the claim adds.

    A layer sees what the layers before it have fed in the same part (R11), and an accumulator of the period `stay`
    also what earlier parts have fed (R12). An accumulator of stays never counts the stay being settled.
    """

    def __init__(self, case, readings):
        self.declared = case["policy"].get("accumulator", [])
        self.by_key = {acc["key"]: acc for acc in self.declared}
        self.used = case["used"]
        self.readings = readings
        self.earlier = {}  # of `stay` accumulators, fed by earlier parts
        self.added = {}
        self.part = None
        self.feeding = []

    def open(self, part):
        for key, amount in self.added.items():
            if self.by_key[key]["period"] == "stay":
                self.earlier[key] = self.earlier.get(key, 0) + amount
        self.added = {}
        self.part = part
        self.feeding = [acc for acc in self.declared if holds(acc.get("when"), part)]

    def before(self, key):
        """The value before the claim, in the period of this part."""
        if self.part.index > 0 and self.by_key[key]["period"] != "stay":
            key = f"{key}@{self.part.year}"
        return money(self.used[key])

    def value(self, key):
        value = self.before(key)
        if self.by_key[key]["feeds"] == "stays":
            return value
        if self.added.get(key):
            self.readings.add("R11")
        if self.earlier.get(key):
            self.readings.add("R12")
        return value + self.added.get(key, 0) + self.earlier.get(key, 0)

    def add(self, key, amount):
        if amount:
            self.added[key] = self.added.get(key, 0) + amount

    def feed_layer(self, name, **amounts):
        """What one layer (or the floor) did: deductible, outlay, base, scope."""
        for acc in self.feeding:
            if acc["feeds"] in amounts and (acc.get("layers") is None or name in acc["layers"]):
                self.add(acc["key"], amounts[acc["feeds"]])

    def feed_part(self, in_scope, stay):
        for acc in self.feeding:
            if acc["feeds"] == "in-scope":
                self.add(acc["key"], in_scope)
            elif acc["feeds"] == "stays" and stay:
                self.add(acc["key"], 100)  # one whole stay, as "1.00"

    def entries(self):
        """What this part added, in the order of the policy."""
        return [
            {"key": acc["key"], "amount": yuan(self.added[acc["key"]])}
            for acc in self.declared
            if self.added.get(acc["key"])
        ]


# ---------------------------------------------------------------------------------------------------------------
# One layer


def repeated(standard, repeat, stays, readings):
    """The standard reduced for `stays` stays before this one."""
    if "factors" in repeat:
        # R13: the first element is for the second stay.
        readings.add("R13")
        factors = repeat["factors"]
        reduced = standard
        if stays > 0:
            reduced = share(standard, ratio(factors[min(stays, len(factors)) - 1]))
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
        stays = accumulators.value(repeat[REPEAT_STAYS]) // 100
        reduced = repeated(standard, repeat, stays, claim.readings)
        floor = money_figure(repeat.get("floor"), part)
        if floor is not None:
            reduced = max(reduced, min(floor, standard))
        standard = reduced

    periods = 1
    every = figure(chosen.get("recharge_days"), part)
    if every is not None:
        if len(claim.parts) > 1:
            claim.readings.add("R15")  # the nights of the part, not of the whole stay
        nights = max(1, (date.fromisoformat(part.end) - date.fromisoformat(part.start)).days)
        periods = (nights - 1) // int(every) + 1

    charged = 0
    key = chosen.get("accumulator")
    if key is not None:
        charged += accumulators.value(key)
    if chosen.get("referral") == "counts":
        charged += claim.referred_deductible
        if claim.referred_deductible and part.index > 0:
            claim.readings.add("R16")  # in every part
    if part.index > 0 and not claim.second_deductible:
        earlier = claim.charged_earlier.get(layer[LAYER_ID], 0)
        if key is not None and accumulators.by_key[key]["period"] == "stay":
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


def changes_of(layer, part, readings):
    """The adjustments that hold, as (is a factor, millionths), in the order written."""
    changes = []
    for adjust in layer.get("adjust", ()):
        if not holds(adjust.get("when"), part):
            continue
        times = ratio_figure(adjust.get("times"), part)
        if times is not None:
            changes.append((True, times))
            continue
        points = ratio_figure(adjust.get("points"), part)
        if points is None:
            continue
        per = adjust.get("per")
        if per == "year-of-age":
            points *= part.age
        elif per == "missing-contribution-year":
            required = int(figure(adjust["required_years"], part))
            if part.contribution_years is None:
                readings.add("R18")  # years not known: none is missing
                points = 0
            else:
                points *= max(0, required - part.contribution_years)
        changes.append((False, points))
    return changes


def changed(value, change):
    is_factor, millionths = change
    return share(value, millionths) if is_factor else value + millionths


def adjusted(stated, changes, stacking, most):
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
        bound = high if top is None else money(figure(top, None)) + offset
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
    kind = layer.get("base", "in-scope")
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
    threshold = money_figure(layer.get("threshold"), part) or 0
    low = max(low, threshold)
    high = max(low, high)
    offset = 0 if from_zero else threshold

    # 5. Caps and 6. tiers. First the scope that may enter, then the scope at which the outlay is used up.
    rooms = rooms_of(layer, part, claim.accumulators)
    entered = high
    if "scope" in rooms:
        entered = min(high, low + rooms["scope"])
    changes = changes_of(layer, part, claim.readings)
    most = ratio_figure(layer.get("max_ratio"), part)
    most = ONE if most is None else most
    stacking = layer.get("stacking", "add")

    room = rooms.get("outlay")
    pay = 0
    for start, stop, tier in tier_stretches(layer, low, entered, offset):
        stated = None if tier is None else ratio_figure(tier.get("ratio"), part)
        if stated is None:
            if changes and tier is not None:
                claim.readings.add("R19")  # no ratio: nothing, and nothing to adjust
            millionths = 0
        else:
            millionths = adjusted(stated, changes, stacking, most)
        amount = share(stop - start, millionths)
        if room is not None and pay + amount > room:
            reach = min(stop - start, divide((room - pay) * ONE, millionths))
            pay += share(reach, millionths)
            entered = start + reach
            break
        if room is not None and pay + amount == room:
            # R20: the outlay only just reaches the room. Nothing of this tier is cut, and above it only what would
            # have been paid.
            claim.readings.add("R20")
        pay += amount
    cut = high - entered

    # 7. Payment
    if room is not None:
        pay = min(pay, room)
    left = state.left()
    if pay > left:
        if len(claim.parts) > 1:
            claim.readings.add("R21")  # the bill of this part
        pay = left

    state.pay(layer["fund"], pay)
    state.charged += charged
    claim.charged_now[layer[LAYER_ID]] = charged
    if kind == "in-scope":
        state.over_cap += cut
    elif kind == "over-cap":
        state.over_cap = cut
    claim.accumulators.feed_layer(
        layer[LAYER_ID], deductible=charged, outlay=pay, base=contribution, scope=entered - low
    )


# ---------------------------------------------------------------------------------------------------------------
# A part and the claim


class State:
    """The running state of one part."""

    def __init__(self, total, third_party_share, hospital_bears_overlimit):
        self.total = total
        self.third_party = share(total.in_scope, third_party_share)
        self.scope = total.in_scope - self.third_party
        self.overlimit = 0 if hospital_bears_overlimit else total.overlimit
        self.hospital = total.overlimit - self.overlimit
        self.funds = dict.fromkeys(FUNDS, 0)
        self.paid = 0
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

    def pay(self, fund, amount):
        self.funds[fund] += amount
        self.paid += amount


class Claim:
    """What the parts of a claim share."""

    def __init__(self, case, parts, readings):
        self.policy = case["policy"]
        self.parts = parts
        self.readings = readings
        self.accumulators = Accumulators(case, readings)
        self.referred_deductible = money(case.get("referred_deductible", "0"))
        self.second_deductible = self.policy.get("dates", {}).get("second_deductible", False)
        self.charged_now = {}  # by layer, in this part
        self.charged_earlier = {}  # by layer, in the parts before
        self.by_quota = case["request"]["by_quota"]

    def quota(self, part):
        """The quota that acts, and its value; None if the case is not settled by quota or none holds (R22)."""
        if not self.by_quota:
            return None
        for quota in self.policy.get("quota", ()):
            if holds(quota.get("when"), part):
                value = money_figure(quota["value"], part)
                return None if value is None else (quota, value)
        self.readings.add("R22")
        return None

    def run_part(self, part, state):
        accumulators = self.accumulators
        accumulators.open(part)
        self.charged_now = {}

        quota = self.quota(part)
        if quota is not None:
            row, value = quota
            pay = min(value, state.scope)
            state.pay(row["fund"], pay)
            if row.get("excess_borne_by", "person") == "hospital":
                state.hospital += state.scope - pay
            # R23: a quota is no layer and feeds no accumulator of what layers do.
            if pay and any(acc["feeds"] == "outlay" and not acc.get("layers") for acc in accumulators.feeding):
                self.readings.add("R23")
        else:
            for layer in self.policy.get("layer", ()):
                if holds(layer.get("when"), part):
                    run_layer(layer, part, self, state)
            self.run_floor(part, state)

        if state.third_party and any(acc["feeds"] == "in-scope" for acc in accumulators.feeding):
            self.readings.add("R24")  # the settlement's scope before the third party's share
        stay = part.index == 0 and part.visit in STAYS
        accumulators.feed_part(state.total.in_scope, stay)
        for name, amount in self.charged_now.items():
            self.charged_earlier[name] = self.charged_earlier.get(name, 0) + amount

    def run_floor(self, part, state):
        floor = self.policy.get("floor")
        if floor is None:
            return
        millionths = ratio_figure(floor.get("ratio"), part)
        if millionths is None:
            return
        whole = state.total.amount if floor.get("of_total", False) else state.scope
        pay = min(max(0, share(whole, millionths) - state.paid), state.left())
        state.pay(floor["fund"], pay)
        if pay and any(acc["feeds"] == "outlay" and acc.get("layers") is None for acc in self.accumulators.feeding):
            self.readings.add("R25")  # "all layers" takes in the floor
        self.accumulators.feed_layer("floor", outlay=pay)


def account_allowed(policy, part, states, readings):
    """What accounts may pay of the claim, before balances and the person's share are looked at."""
    account = policy.get("account")
    if account is None or ("visit" in account and part.visit not in listed(account["visit"])):
        return 0
    allowed = 0
    for state in states:
        for name in account.get("pays", ()):
            if name == "in-scope":
                allowed += max(0, state.scope - state.paid)
            else:
                # R26: over the limit counts only where the person bears it.
                if name == "overlimit" and state.overlimit != state.total.overlimit:
                    readings.add("R26")
                allowed += state.whole_part(name)
    return allowed


def settle(case, readings=None):
    """The expected result of a case."""
    readings = set() if readings is None else readings
    policy = case["policy"]
    parts = parts_of(case)
    lines = split_lines(case, parts, readings)

    sums = [Split() for _ in parts]
    for _, part, result in lines:
        sums[part.index].add(result)
    whole = Split()
    for total in sums:
        whole.add(total)

    hospital_bears = policy.get("split", {}).get("overlimit_borne_by", "person") == "hospital"
    third_party_share = ratio(case["visit"]["third_party_share"])
    claim = Claim(case, parts, readings)
    states, entries = [], []
    for part, total in zip(parts, sums):
        state = State(total, third_party_share, hospital_bears)
        claim.run_part(part, state)
        states.append(state)
        entries += claim.accumulators.entries()

    funds = sum(state.paid for state in states)
    hospital = sum(state.hospital for state in states)
    person = whole.amount - funds - hospital

    # The accounts
    own_balance, family_balance = money(case["balances"]["own"]), money(case["balances"]["family"])
    use = case["request"]["account_use"]
    allowed = 0
    if use != "none":
        allowed = max(0, min(account_allowed(policy, parts[-1], states, readings), person))
    if use != "family":
        family_balance = 0
    if policy.get("account", {}).get("family_first", False):
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
        }
        for line, _, split in lines
    ]
    result["entries"] = entries
    return result
