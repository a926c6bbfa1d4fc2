"""Random cases for the benefit waterfall, with the result the oracle expects.

    python3 generate.py --seed S --count N [--first K] [--readings] > cases.ndjson

One case a line. Case number i depends on the seed and on i only, so `--first K --count 1` gives one case again.
`--readings` adds to each case the marks (README.md) of the readings its result may hang on.

Everything is drawn so that edges are met often: figures of a policy are collected while they are drawn, and amounts,
balances and accumulator values are then set on them, a fen below, a fen above, or on sums and differences of two.
"""

import argparse
import json
import random
import sys
import time
from datetime import date

import oracle

# How figures are written where docs/policy.md leaves it open (R1). "cases": a list of cases; "plain": a bare value,
# its `unverified` beside it in the same table. The oracle reads both, so only this table has to change.
SHAPE = {
    "standard": "cases",
    "ceiling": "cases",
    "repeat.floor": "plain",
    "threshold": "table",  # "table": threshold = { value = [cases] }; "cases": threshold = [cases]
    "cap.value": "cases",
    "quota.value": "cases",
    "floor.ratio": "cases",
    "adjust": "plain",  # points, times and required_years
    "max_ratio": "plain",
}

POOL = "460000"
POOLS = {"local": "460000", "province": "460900", "remote": "450000"}
LEVELS = ("1", "2", "3")
PERSON_TYPES = {"310": ("11", "1105", "12", "1204", "13"), "390": ("15", "16", "1701", "1402", "1401")}
IDENTITIES = ("2303", "2304", "2302", "2305", "2101", "31")
FILINGS = ("01", "06", "07", "08")
DISEASES = ("I10.x00", "E11.900", "J18.900", "M01000", "F20.900")
MED_TYPES = {
    "outpatient": ("11",),
    "emergency": ("13",),
    "chronic": ("14", "9901"),
    "inpatient": ("21", "2101", "22", "24"),
    "day-surgery": ("28",),
    "pharmacy": ("41",),
    "maternity-outpatient": ("51",),
    "maternity-inpatient": ("52",),
}
KINDS = tuple(MED_TYPES)
KIND_DRAW = ("inpatient",) * 9 + ("outpatient",) * 4 + KINDS
FUND_TYPES = {
    "hifp": "310100",
    "cvlserv": "320100",
    "hifes": "370100",
    "hifmi": "390200",
    "hifob": "330100",
    "hifdm": "350100",
    "maf": "610100",
    "oth": "999997",
}
KEY_STEMS = {
    "deductible": "DED",
    "outlay": "OUT",
    "base": "BASE",
    "scope": "SCP",
    "in-scope": "INS",
    "stays": "STAY",
}
RATIOS = ("0", "0.0001", "0.3", "0.333333", "0.45", "0.5", "0.6", "0.65", "0.7", "0.75", "0.8", "0.85", "0.9", "0.91")
HIGH_RATIOS = ("0.7", "0.8", "0.85", "0.9", "0.95", "0.995", "1")
NIGHTS = (0, 1, 1, 2, 3, 5, 7, 8, 10, 29, 30, 31, 60, 61, 89, 90, 91, 92, 120, 179, 180, 181)
QUANTITIES = ("1", "1", "1", "2", "3", "5", "10", "0.5", "1.5", "0.3333", "7", "2.25", "100")


def iso(day):
    return date.fromordinal(day).isoformat()


def moment(day, hour=8, minute=0):
    return f"{iso(day)}T{hour:02d}:{minute:02d}:00"


def trimmed(text):
    """Without trailing zeros, as people write figures."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimal(value, places):
    text = f"{abs(value):0{places + 1}d}"
    return ("-" if value < 0 else "") + trimmed(f"{text[:-places]}.{text[-places:]}")


class Maker:
    def __init__(self, seed, number):
        self.random = random.Random(seed * 1_000_003 + number).random
        self.number = number
        self.marks = [0, 1]  # interesting amounts, in fen
        self.accumulators = []
        self.unit = self.pick((1, 100, 1000, 10_000, 100_000))  # fen: the size of money in this case

    # Drawing

    def chance(self, p):
        return self.random() < p

    def pick(self, seq):
        return seq[int(self.random() * len(seq))]

    def within(self, low, high):
        return low + int(self.random() * (high - low + 1))

    def some(self, seq, most):
        """Between one and `most` different elements, in the order of `seq`."""
        chosen = {self.within(0, len(seq) - 1) for _ in range(self.within(1, most))}
        return [seq[i] for i in sorted(chosen)]

    def amount(self, most=100):
        """An amount in fen of the size of this case; remembered as a mark."""
        r = self.random()
        if r < 0.03:
            value = 0
        elif r < 0.06:
            value = 1
        elif r < 0.9:
            value = self.within(1, most) * self.unit
        else:
            value = self.within(1, most * self.unit)
        self.marks.append(value)
        return value

    def near(self):
        """An amount on or beside a mark, or on the sum or difference of two."""
        value = self.pick(self.marks)
        r = self.random()
        if r < 0.35:
            value += self.pick(self.marks)
        elif r < 0.5:
            value += self.pick(self.marks) + self.pick(self.marks)
        elif r < 0.6:
            value -= self.pick(self.marks)
        r = self.random()
        if r < 0.2:
            value += 1
        elif r < 0.4:
            value -= 1
        return max(0, value)

    # The person and the visit

    def person(self):
        self.insutype = self.pick(("310", "390"))
        self.psn_type = self.pick(PERSON_TYPES[self.insutype])
        self.sex = self.pick(("male", "female"))
        self.civil_servant = self.chance(0.25)
        self.years = None if self.chance(0.25) else self.within(0, 40)

        self.kind = self.pick(KIND_DRAW)
        self.stay = self.kind in oracle.STAYS
        self.med_type = self.pick(MED_TYPES[self.kind])
        self.begin = date(2024, 6, 1).toordinal() + self.within(0, 570)
        self.nights = self.pick(NIGHTS) if self.stay else 0
        if self.stay and self.chance(0.12):
            # Over the turn of the year, sometimes on its very edge.
            self.nights = max(1, self.nights)
            self.begin = date(self.pick((2024, 2025)), 12, 31).toordinal() - self.within(0, min(self.nights, 40) - 1)
        self.end = self.begin + self.nights
        self.over_year = date.fromordinal(self.begin).year != date.fromordinal(self.end).year
        self.mid_stay = self.stay and self.chance(0.1)
        self.settled = self.end if self.mid_stay else self.end + self.pick((0, 0, 0, 1, 3, 40))

        # A birthday on, just before or just after the first day of the visit now and then.
        age = self.within(0, 100)
        first = date.fromordinal(self.begin)
        if self.chance(0.3):
            born = date(first.year - age, first.month, min(first.day, 28)).toordinal() + self.pick((-1, 0, 1))
        else:
            born = date(first.year - age, self.within(1, 12), self.within(1, 28)).toordinal()
        if date.fromordinal(born).strftime("%m-%d") == "02-29":
            born += 1
        self.born = min(born, self.begin)
        self.age = oracle.full_years(iso(self.born), iso(self.begin))

        # The relation began on a day of the month that every month has.
        self.months = self.pick((0, 1, 5, 6, 7, 12, 60))
        index = first.year * 12 + first.month - 1 - self.months
        since = date(index // 12, index % 12 + 1, min(first.day, 28)).toordinal() + self.pick((-1, 0, 0, 1))
        if date.fromordinal(since).day > 28:
            since -= 3
        self.since = min(since, self.begin)

        def rows(codes, most):
            found = []
            for _ in range(self.pick((0, 0, 1, 1, most))):
                start = self.pick((self.begin - 400, self.begin, self.begin + 1, self.end, self.begin - 1))
                stop = self.pick((None, None, self.begin, self.end, self.begin - 1, self.settled, self.end + 400))
                if stop is not None and stop < start:
                    stop = start
                found.append([self.pick(codes), iso(start), None if stop is None else iso(stop)])
            return found

        self.identities = rows(IDENTITIES, 3)
        self.filings = rows(FILINGS, 2)
        self.level = self.pick(LEVELS)
        self.place = self.pick(("local", "local", "local", "province", "remote"))
        self.disease = self.pick(("", "", "M01000", "I10.x00", "E11"))
        self.diagnosis = self.pick(DISEASES)
        self.share = "0" if self.chance(0.85) else self.pick(("0.3", "0.5", "1", "0.333333", "0.0001"))

    # Conditions and figures

    def condition(self, key):
        """A condition on `key`, more often one that holds than not."""
        true = self.chance(0.7)
        if key == "visit":
            return sorted({self.kind if true else self.pick(KINDS), self.pick(KINDS)})
        if key == "med_type":
            code = self.med_type if true else self.pick(MED_TYPES[self.pick(KINDS)])
            return [code[: self.within(1, len(code))]]
        if key == "psn_type":
            code = self.psn_type if true else self.pick(PERSON_TYPES[self.insutype])
            return [code[: self.within(1, len(code))]]
        if key == "level":
            return [self.level] if true else self.some(LEVELS, 2)
        if key in ("identity", "not_identity"):
            if true and self.identities:
                return [self.pick(self.identities)[0][: self.pick((2, 4))]]
            return self.some(IDENTITIES, 2)
        if key == "civil_servant":
            return self.civil_servant if true else not self.civil_servant
        if key == "sex":
            return self.sex if true else self.pick(("male", "female"))
        if key == "age_min":
            return max(0, self.age + self.pick((-10, -1, 0, 0, 1))) if self.chance(0.7) else 60
        if key == "age_max":
            return max(0, self.age + self.pick((-1, 0, 0, 1, 10))) if self.chance(0.7) else 60
        if key == "disease":
            code = (self.disease or self.diagnosis) if true else self.pick(DISEASES)
            return [code[: self.within(1, len(code))]]
        if key == "place":
            return [self.place] if true else self.some(("local", "province", "remote"), 2)
        if key in ("filed", "not_filed"):
            if true and self.filings:
                return [self.pick(self.filings)[0]]
            return self.some(FILINGS, 2)
        return max(1, self.months + self.pick((-1, 0, 1, 1, 2)))  # insured_months_below

    KEYS = tuple(oracle.CONDITIONS)

    def when(self, most=2, empty=0.35):
        if self.chance(empty):
            return {}
        found = {}
        for _ in range(self.within(1, most)):
            key = self.pick(self.KEYS)
            found[key] = self.condition(key)
        return found

    def cases(self, draw, total=0.9):
        """A figure: up to three cases; with the chance `total` the last one always holds."""
        found = []
        for _ in range(self.pick((0, 0, 1, 2))):
            found.append({"value": draw(), "when": self.when(empty=0.05), "unverified": "random"})
        if not found or self.chance(total):
            found.append({"value": draw(), "when": {}, "unverified": "random"})
        elif self.chance(0.5):
            found[-1]["when"] = {}
        return found

    def figure(self, table, key, shape, draw):
        """Put a figure into `table` in the form SHAPE asks for."""
        if shape == "cases":
            table[key] = self.cases(draw)
        elif shape == "table":
            table[key] = {"value": self.cases(draw)}
        else:
            table[key] = draw()
            table["unverified"] = "random"

    def money(self, most=100):
        return trimmed(oracle.yuan(self.amount(most)))

    def ratio(self):
        r = self.random()
        if r < 0.5:
            return self.pick(HIGH_RATIOS)
        if r < 0.95:
            return self.pick(RATIOS)
        return decimal(self.within(0, oracle.ONE), 6)

    # The policy

    def accumulator(self, feeds, layers=None, plain=False):
        """The key of an accumulator of this kind: now and then one that is there already, else a new one."""
        same = [acc for acc in self.accumulators if acc["feeds"] == feeds]
        if same and feeds != "base" and self.chance(0.25):
            acc = self.pick(same)
            if layers and acc.get("layers"):
                acc["layers"] += [name for name in layers if name not in acc["layers"]]
            return acc["key"]
        acc = {"key": f"{KEY_STEMS[feeds]}{len(self.accumulators) + 1}", "feeds": feeds}
        if layers and (feeds == "base" or self.chance(0.7)):
            acc["layers"] = list(layers)
        if feeds == "stays":
            acc["period"] = self.pick(("year", "year", "year", "quarter"))
        else:
            acc["period"] = self.pick(("year", "year", "year", "year", "stay", "month", "quarter"))
        if acc["period"] != "stay" and not plain:
            if self.chance(0.1):
                acc["when"] = self.when(empty=0)
            if self.chance(0.08):
                acc["per_disease"] = True
        self.accumulators.append(acc)
        return acc["key"]

    def deductible(self, layer, when):
        row = {"when": when}
        row["standard"] = self.cases(lambda: self.money(30))
        if self.chance(0.35 if self.stay else 0.1):
            repeat = {oracle.REPEAT_STAYS: self.accumulator("stays")}
            r = self.random()
            if r < 0.45:
                repeat["factors"] = self.pick(
                    (["0.7", "0.5"], ["0.5"], ["0.5", "0"], ["1", "0.5"], ["0.666667", "0.333333", "0.1"], ["0.85"])
                )
            elif r < 0.75:
                repeat["minus"] = self.money(10)
            else:
                repeat["compound"] = self.pick(("0.5", "0.7", "0.9", "0.333333", "0", "1"))
            repeat["unverified"] = "random"
            if self.chance(0.4):
                self.figure(repeat, "floor", SHAPE["repeat.floor"], lambda: self.money(15))
            row["repeat"] = repeat
        if self.chance(0.2 if self.stay else 0.05):
            row["recharge_days"] = self.pick((1, 7, 30, 60, 90, 180))
            row["unverified"] = "random"
        if self.chance(0.55):
            row["accumulator"] = self.accumulator("deductible", [layer])
        if self.chance(0.3):
            self.figure(row, "ceiling", SHAPE["ceiling"], lambda: self.money(50))
            row["ceiling_accumulator"] = self.accumulator("deductible", [layer])
        if self.chance(0.25):
            row["referral"] = "counts"
        return row

    def adjust(self):
        row = {"when": self.when()}
        r = self.random()
        if r < 0.55:
            row["points"] = self.pick(("-0.1", "-0.2", "0.05", "0.02", "-0.03", "0.1", "0.000001", "-1", "1"))
            if r < 0.12:
                row["per"] = "year-of-age"
                row["points"] = self.pick(("0.002", "0.001", "-0.001", "0.01"))
            elif r < 0.24:
                row["per"] = "missing-contribution-year"
                row["points"] = self.pick(("-0.03", "-0.01", "0.005"))
                row["required_years"] = self.pick((25, 30, self.years or 20, (self.years or 20) + 1))
        else:
            row["times"] = self.pick(("0.3", "0.5", "0.9", "1.1", "0.333333", "0", "1", "1.5", "0.666667"))
        row["unverified"] = "random"
        return row

    def layer(self, index, name):
        fund = "hifp" if index == 0 and self.chance(0.8) else self.pick(oracle.FUNDS)
        layer = {oracle.LAYER_ID: name, "fund": fund, "fund_pay_type": FUND_TYPES[fund]}
        if self.chance(0.15 if index == 0 else 0.35):
            layer["when"] = self.when(empty=0)
        if index == 0:
            kind = self.pick(("in-scope",) * 12 + ("residual", "over-cap"))
        else:
            kind = self.pick(("in-scope", "residual", "residual", "residual", "over-cap", "over-cap"))
        if kind != "in-scope" or self.chance(0.5):
            layer["base"] = kind
        whole = ("preselfpay", "overlimit", "ownpay", "deductible")
        if self.chance(0.15):
            layer["base_add"] = self.some(whole, 2)
        if self.chance(0.15):
            layer["base_less"] = self.some(whole, 2)

        if self.chance(0.8 if index == 0 else 0.25):
            rows = []
            for _ in range(self.pick((0, 0, 0, 1, 2))):
                rows.append(self.deductible(name, self.when(empty=0)))
            rows.append(self.deductible(name, self.when(empty=0.85)))
            layer["deductible"] = rows

        if self.chance(0.6):
            layer["tiers_from"] = self.pick(("threshold", "zero", "zero"))
        if self.chance(0.3):
            layer["tiers_accumulator"] = self.accumulator("base", [name], plain=True)
        if self.chance(0.15 if index == 0 else 0.5):
            self.figure(layer, "threshold", SHAPE["threshold"], lambda: self.money(40))

        for _ in range(self.pick((0, 0, 1, 1, 2, 3))):
            cap = {"on": self.pick(("scope", "outlay", "outlay"))}
            if self.chance(0.3):
                cap["when"] = self.when(empty=0)
            self.figure(cap, "value", SHAPE["cap.value"], lambda: self.money(80))
            if self.chance(0.85):
                feeds = cap["on"]
                others = [f"layer{i + 1}" for i in range(index)] + ["floor"]
                layers = [name] if self.chance(0.75) else [name] + self.some(others, 2)
                cap["accumulator"] = self.accumulator(feeds, list(dict.fromkeys(layers)))
            layer.setdefault("cap", []).append(cap)

        bound, tiers = 0, []
        for _ in range(self.pick((0, 0, 1, 1, 2, 3))):
            bound += max(1, self.amount(40))
            self.marks.append(bound)
            tiers.append({"to": trimmed(oracle.yuan(bound)), "ratio": self.cases(self.ratio), "unverified": "random"})
        if not tiers or self.chance(0.9):
            tiers.append({"ratio": self.cases(self.ratio)})
        layer["tier"] = tiers

        if self.chance(0.4):
            layer["adjust"] = [self.adjust() for _ in range(self.pick((1, 1, 2, 3)))]
            layer["stacking"] = self.pick(("add", "largest", "sequential"))
        if self.chance(0.12):
            self.figure(layer, "max_ratio", SHAPE["max_ratio"], lambda: self.pick(("0.9", "0.95", "1", "0.5")))
        return layer

    def policy(self):
        policy = {
            "format": 1,
            "id": f"random-{self.number}",
            "title": "random",
            "pool_area": POOL,
            "insutype": self.insutype,
            "version": "1",
            "effective_from": "2000-01-01",
        }
        if self.chance(0.1):
            policy["reverse_newest_first"] = self.chance(0.5)

        dates = {}
        for key in ("entitlement", "identity", "filing", "policy"):
            if self.chance(0.3):
                dates[key] = self.pick(("start", "end", "settlement"))
        if self.chance(0.2):
            dates["catalogue"] = self.pick(("fee", "start", "end", "settlement"))
        if self.chance(0.3):
            dates["year"] = self.pick(("start", "end"))
        if self.over_year:
            dates["cross_year"] = self.pick(("whole", "split-by-fee-date", "split-by-fee-date"))
        elif self.chance(0.2):
            dates["cross_year"] = self.pick(("whole", "split-by-fee-date", "forced-mid-stay"))
        if dates.get("cross_year") == "split-by-fee-date":
            dates["second_deductible"] = self.chance(0.5)
        if dates:
            policy["dates"] = dates

        split = {}
        if self.chance(0.6):
            split["order"] = self.pick(("limit-first", "ratio-first"))
        if self.chance(0.3):
            split["limit_level"] = self.pick(("lmtpric", "dedc", "hosp"))
        if self.chance(0.4):
            split["overlimit_borne_by"] = self.pick(("person", "hospital"))
        if self.chance(0.2):
            split["ratio_person_type"] = self.pick(("310", "390"))
        if self.chance(0.25):
            split["extra_selfpay"] = self.cases(lambda: self.pick(("0.05", "0.1", "0.2", "0.333333", "1", "0")))
        if split:
            policy["split"] = split

        layers = [self.layer(i, f"layer{i + 1}") for i in range(self.pick((1, 1, 2, 2, 3, 4)))]
        for feeds in ("in-scope", "outlay", "deductible", "scope", "stays"):
            if self.chance(0.08):
                self.accumulator(feeds)
        if self.accumulators:
            policy["accumulator"] = self.accumulators
        policy["layer"] = layers

        if self.chance(0.25):
            policy["quota"] = []
            for _ in range(self.pick((1, 1, 2))):
                fund = self.pick(oracle.FUNDS)
                quota = {"when": self.when(empty=0.5), "fund": fund, "fund_pay_type": FUND_TYPES[fund]}
                if self.chance(0.7):
                    quota["excess_borne_by"] = self.pick(("person", "hospital"))
                self.figure(quota, "value", SHAPE["quota.value"], self.money)
                for case in quota["value"] if isinstance(quota["value"], list) else ():
                    case["when"] = case["when"] if case is not quota["value"][-1] else {}
                policy["quota"].append(quota)
        if self.chance(0.25):
            fund = self.pick(oracle.FUNDS)
            floor = {"fund": fund, "fund_pay_type": FUND_TYPES[fund]}
            self.figure(floor, "ratio", SHAPE["floor.ratio"], self.ratio)
            if self.chance(0.5):
                floor["of_total"] = self.chance(0.7)
            policy["floor"] = floor
        if self.chance(0.7):
            account = {"pays": self.some(("in-scope", "preselfpay", "overlimit", "ownpay"), 5)}
            if self.chance(0.3):
                account["visit"] = self.condition("visit")
            if self.chance(0.3):
                account["family_first"] = self.chance(0.7)
            policy["account"] = account
        return policy

    # The catalogue and the lines

    def unit_price(self):
        """A price in millionths of yuan."""
        r = self.random()
        if r < 0.1:
            return self.pick((0, 1, 333335, 5000, 4999, 10_000))
        if r < 0.3:
            return self.within(1, 50 * self.unit) * 10_000 + self.within(0, 9999)
        return self.within(1, 30) * self.unit * 10_000

    def catalogue(self):
        items, self.prices = [], {}
        for index in range(self.within(1, 4)):
            code = f"X{index + 1:02d}"
            price = self.unit_price()
            kind = self.pick(("01", "01", "01", "02", "02", "02", "02", "03"))
            limits = {}
            if self.chance(0.6):
                for level in LEVELS if self.chance(0.8) else self.some(LEVELS, 2):
                    edge = self.pick((price, price - 1, price + 1, price // 2, price // 3, price * 2, price * 9 // 10))
                    limits[level] = decimal(max(0, edge), 6) if self.chance(0.95) else "99999999"
            rows = []
            if kind != "03" and self.chance(0.85):
                for person_type in self.some(("310", "390", "99"), 3):
                    rows.append(
                        {
                            "person_type": person_type,
                            "ratio_type": self.pick(("10", "10", "10", "20")),
                            "ratio": self.pick(("0.05", "0.1", "0.2", "0.3", "0", "1", "0.3333")),
                        }
                    )
            items.append(
                {
                    "code": code,
                    "class": kind,
                    "restricted": self.chance(0.15),
                    "max_per_day": self.pick(("1", "2", "3", "1.5", "10")) if self.chance(0.15) else None,
                    "max_per_stay": self.pick(("1", "3", "5", "2.5", "20")) if self.chance(0.15) else None,
                    "limits": limits,
                    "ratios": rows,
                }
            )
            self.prices[code] = price
        return items

    def line(self, number, item, price, units, day, minute, refund_of=None, off=0, approval="0"):
        amount = oracle.divide(price * units, 10**8) + off
        return {
            "no": str(number),
            "refund_of": refund_of,
            "time": moment(day, 8 + minute // 60, minute % 60),
            "item": item,
            "amount": oracle.yuan(amount),
            "quantity": decimal(units, 4),
            "price": decimal(price, 6),
            "approval": approval,
        }

    def day(self):
        if self.nights and self.chance(0.3):
            return self.pick((self.begin, self.end))
        if self.over_year and self.chance(0.3):
            turn = date(date.fromordinal(self.begin).year, 12, 31).toordinal()
            return turn + self.within(0, 1)
        return self.begin + self.within(0, self.nights)

    def lines(self, items):
        codes = [item["code"] for item in items] + ["U99"]  # U99 is in no catalogue
        self.prices["U99"] = self.unit_price()
        lines, facts = [], []
        number = 1
        for _ in range(self.pick((0, 1, 1, 2, 2, 3, 4))):
            code = self.pick(codes)
            price = self.prices[code]
            if self.chance(0.15):
                price = max(0, price + self.pick((-1, 1, price)))
            units = oracle.quantity(self.pick(QUANTITIES))
            off = self.pick((-1, 1)) if self.chance(0.02) else 0
            if off < 0 and oracle.divide(price * units, 10**8) == 0:
                off = 0
            day, minute = self.day(), self.within(0, 300)
            approval = self.pick(("0", "0", "0", "1", "1", "2")) if self.chance(0.5) else "0"
            lines.append(self.line(number, code, price, units, day, minute, None, off, approval))
            facts.append((number, code, price, units, day, minute, approval))
            number += 1
        if facts and self.chance(0.3):
            number = self.refunds(lines, facts, number)
        return lines, number

    def refunds(self, lines, facts, number):
        for original, code, price, units, day, minute, approval in facts:
            if self.chance(0.4) or number > 6:
                continue
            left, paid = units, oracle.money(lines[original - 1]["amount"])
            for _ in range(self.pick((1, 1, 2, 3))):
                if left <= 0 or number > 7:
                    break
                r = self.random()
                if r < 0.35:
                    back = left
                elif r < 0.7 and left >= 10_000:
                    back = 10_000
                else:
                    back = self.within(1, left)
                paid -= oracle.divide(price * back, 10**8)
                if paid < 0 and back < left:
                    break  # prices below a fen: the rounded refunds come to more than the line
                left -= back
                # On the same day or later, but in the year of the original (one time in ten in any year).
                last = self.end if self.nights else day
                if self.chance(0.9):
                    last = min(last, date(date.fromordinal(day).year, 12, 31).toordinal())
                day = self.within(day, last)
                minute = min(minute + self.within(1, 60), 540)
                lines.append(self.line(number, code, price, -back, day, minute, str(original), 0, approval))
                number += 1
        return number

    # All together

    def make(self):
        self.person()
        policy = self.policy()
        split = self.over_year and policy.get("dates", {}).get("cross_year") == "split-by-fee-date"
        items = self.catalogue()
        lines, number = self.lines(items)

        case = {
            "policy": policy,
            "person": {
                "sex": self.sex,
                "birth": iso(self.born),
                "psn_type": self.psn_type,
                "civil_servant": self.civil_servant,
                "contribution_years": self.years,
                "identities": self.identities,
                "filings": self.filings,
                "insured_since": iso(self.since),
            },
            "institution": {"level": self.level, "pool": POOLS[self.place]},
            "catalogue": items,
            "visit": {
                "med_type": self.med_type,
                "begin": moment(self.begin),
                "end": moment(self.end, 18) if self.stay and not self.mid_stay else None,
                "disease": self.disease,
                "main_diagnosis": self.diagnosis,
                "third_party_share": self.share,
            },
            "request": {
                "time": moment(self.settled, 19),
                "account_use": self.pick(("none", "none", "own", "family")),
                "mid_stay": self.mid_stay,
                # A quota is for the case, not for a part of it.
                "by_quota": "quota" in policy and not split and self.chance(0.5),
            },
            "balances": {"own": "0.00", "family": "0.00"},
            "used": {},
            "referred_deductible": oracle.yuan(self.near()) if self.chance(0.15) else "0.00",
            "lines": lines,
        }

        # Values before the claim, often on an edge.
        used = case["used"]
        for acc in self.accumulators:
            keys = [acc["key"]]
            if split and acc["period"] != "stay":
                keys.append(f"{acc['key']}@{date.fromordinal(self.end).year}")
            for key in keys:
                if acc["feeds"] == "stays":
                    used[key] = f"{self.pick((0, 0, 1, 2, 3, 5))}.00"
                elif self.chance(0.45):
                    used[key] = "0.00"
                else:
                    used[key] = oracle.yuan(self.near())
        if self.chance(0.6):
            case["balances"] = {"own": oracle.yuan(self.near()), "family": oracle.yuan(self.near())}

        # A line that brings the scope onto an edge. Shares taken off by extra_selfpay are left as they fall.
        if not lines or self.chance(0.7):
            scope = 0
            if lines:
                results = oracle.split_lines(case, oracle.parts_of(case), set())
                scope = sum(result.in_scope for _, _, result in results)
            missing = self.near() - scope
            if missing < 0:
                missing = self.near()
            items.append(
                {
                    "code": "X09",
                    "class": "01",
                    "restricted": False,
                    "max_per_day": None,
                    "max_per_stay": None,
                    "limits": {},
                    "ratios": [],
                }
            )
            lines.append(self.line(number, "X09", missing * 10_000, 10_000, self.day(), self.within(0, 540)))

        readings = set()
        case["expected"] = oracle.settle(case, readings)
        return case, readings


def main():
    parser = argparse.ArgumentParser(description="Random cases for the benefit waterfall, one a line.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--readings", action="store_true", help="add the marks of the readings a case may hang on")
    args = parser.parse_args()

    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
    out, terminal, began = sys.stdout, sys.stderr.isatty(), time.monotonic()
    for done in range(args.count):
        case, readings = Maker(args.seed, args.first + done).make()
        if args.readings:
            case["readings"] = sorted(readings, key=lambda mark: int(mark[1:]))
        out.write(encode(case))
        out.write("\n")
        if terminal and (done + 1) % 1000 == 0:
            rate = (done + 1) / (time.monotonic() - began)
            print(f"\r{done + 1}/{args.count} ({rate:.0f}/s)", end="", file=sys.stderr)
    if terminal:
        print(file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
