"""Random cases for the benefit waterfall, with the result the oracle expects.

    python3 generate.py --seed S --count N [--first K] [--readings] > cases.ndjson

One case a line. Case number i depends on the seed and on i only, so `--first K --count 1` gives one case again.
`--readings` adds to each case the marks (README.md) of the readings its result may hang on.

Everything is drawn so that edges are met often: figures of a policy are collected while they are drawn, and amounts,
balances and accumulator values are then set on them, a fen below, a fen above, or on sums and differences of two.
"""

import argparse
import copy
import json
import random
import sys
import time
from datetime import date

import oracle

POOL = "460000"
POOLS = {"local": "460000", "province": "460900", "remote": "450000"}
ADVANCE = ("0.05", "0.1", "0.2", "0.3", "0", "1", "0.3333")
LEVELS = ("1", "2", "3")
HOSPITALS = tuple(str(n) for n in range(1, 15))  # hosp_lv
PERSON_TYPES = {"310": ("11", "1105", "12", "1204", "13"), "390": ("15", "16", "1701", "1402", "1401")}
IDENTITIES = ("2303", "2304", "2302", "2305", "2101", "31")
FILINGS = ("01", "02", "03", "06", "07", "08")
DISEASES = ("I10.x00", "E11.900", "J18.900", "M01000", "F20.900")
MED_TYPES = {
    "outpatient": ("11", "1103", "12"),
    "emergency": ("13", "1301"),
    "chronic": ("14", "18", "9901", "990101", "9904"),
    "inpatient": ("21", "2101", "21303", "22", "24", "71"),
    "day-surgery": ("28",),
    "pharmacy": ("41",),
    "maternity-outpatient": ("51", "53"),
    "maternity-inpatient": ("52", "2106", "2107"),
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
VISIT = "V1"
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
LEAP_BIRTHS = (1940, 1984, 2004, 2020)
LEAP_BEGINS = ((2024, 2, 28), (2024, 2, 29), (2024, 3, 1), (2025, 2, 28), (2025, 3, 1))
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
        self.sex = self.pick(("male", "female", "male", "female", "unknown"))

        self.kind = self.pick(KIND_DRAW)
        self.stay = self.kind in oracle.STAYS
        self.med_type = self.pick(MED_TYPES[self.kind])
        self.begin = date(2024, 1, 1).toordinal() + self.within(0, 720)
        self.nights = self.pick(NIGHTS) if self.stay else 0
        if self.stay and self.chance(0.25):
            # Over the turn of the year, sometimes on its very edge, sometimes over several.
            self.nights = self.within(366, 800) if self.chance(0.1) else max(1, self.nights)
            self.begin = date(self.pick((2024, 2025)), 12, 31).toordinal() - self.within(0, min(self.nights, 40) - 1)

        # A birthday on, just before or just after the first day of the visit now and then.
        age = self.within(0, 100)
        if self.chance(0.03):
            self.begin = date(*self.pick(LEAP_BEGINS)).toordinal()
            born = date(self.pick(LEAP_BIRTHS), 2, 29).toordinal()
        else:
            first = date.fromordinal(self.begin)
            if self.chance(0.3):
                born = date(first.year - age, first.month, min(first.day, 28)).toordinal() + self.pick((-1, 0, 1))
            else:
                born = date(first.year - age, self.within(1, 12), self.within(1, 28)).toordinal()
        self.born = min(born, self.begin)
        self.age = oracle.full_years(iso(self.born), iso(self.begin))

        self.end = self.begin + self.nights
        self.over_year = date.fromordinal(self.begin).year != date.fromordinal(self.end).year
        # Not yet discharged: a mid-stay settlement, or one that does not say so.
        self.open = self.stay and self.chance(0.12)
        self.mid_stay = self.open and self.chance(0.8)
        self.settled = self.end if self.open else self.end + self.pick((0, 0, 0, 1, 3, 40, 300))
        # Whether an earlier settlement of the visit lives.
        self.continued = self.chance(0.2)

        self.relations = [self.relation(self.insutype)]
        if self.chance(0.12):
            # Another kind of person, or none at all, from some day of the visit on.
            last = self.pick((self.begin, self.end - 1, self.within(self.begin, self.end), self.settled))
            last = max(last, self.begin)
            self.relations[0]["last"] = iso(last)
            if self.chance(0.8):
                self.relations.append({**self.relation(self.insutype), "first": iso(last + 1)})
        if self.chance(0.1):
            self.relations.append(self.relation("390" if self.insutype == "310" else "310"))
        self.psn_type = self.relations[0]["psn_type"]
        self.civil_servant = self.relations[0]["civil_servant"]
        self.years = self.relations[0]["contribution_years"]

        def rows(codes, most):
            found = []
            for _ in range(self.pick((0, 0, 1, 1, most))):
                start = self.pick((self.begin - 400, self.begin, self.begin + 1, self.end, self.begin - 1))
                stop = self.pick((None, None, self.begin, self.end, self.begin - 1, self.settled, self.end + 400))
                if self.over_year and self.chance(0.3):
                    start = self.turn() + self.within(0, 1)
                if stop is not None and stop < start:
                    stop = start
                found.append([self.pick(codes), iso(start), None if stop is None else iso(stop)])
            return found

        self.identities = rows(IDENTITIES, 3)
        self.filings = []  # drawn below: they may name the place and the disease
        self.level = self.pick(LEVELS)
        self.place = self.pick(("local", "local", "local", "province", "remote"))
        self.disease = self.pick(("", "", "M01000", "I10.x00", "E11"))
        self.diagnosis = self.pick(DISEASES)
        self.share = "0" if self.chance(0.85) else self.pick(("0.3", "0.5", "1", "0.333333", "0.0001"))

        self.filings = [self.filing(*row) for row in rows(FILINGS, 3)]
        self.pauses = []
        if self.chance(0.08):
            found = rows(("1",), 2)
            first, last = found[0][1:] if found else (iso(self.begin), None)
            self.pauses.append({"insutype": self.pick(("310", "390")), "first": first, "last": last})
        self.contributions = []
        for _ in range(self.pick((0, 0, 0, 1, 2))):
            first = iso(self.begin + self.pick((-400, -1, 0, 1, 30)))
            if all(row["first"] != first for row in self.contributions):
                years = self.within(0, 40)
                self.contributions.append({"insutype": self.insutype, "first": first, "years": years})
        self.death = None if self.chance(0.95) else iso(self.begin + self.pick((-1, 0, 1, 30)))
        self.emergency, self.injury = self.chance(0.1), self.chance(0.15)
        self.birth = self.pick(("", "", "1", "3"))
        self.birth_control = self.pick(("", "", "3"))

    def filing(self, kind, first, last):
        """A filing; more often one that names nothing than one that does not fit."""
        return {
            "kind": kind,
            "first": first,
            "last": last,
            "disease": "" if self.chance(0.8) else self.pick(DISEASES + ("M01000",)),
            "insutype": "" if self.chance(0.6) else self.pick(("310", "390", self.insutype)),
            "area": "" if self.chance(0.5) else self.pick(("460300", "460000", "450000", "460200", "460400", "460301")),
            "institution": "" if self.chance(0.6) else self.pick(("H1", "H2")),
            "made": None if self.chance(0.5) else iso(self.pick((self.begin - 1, self.begin, self.end, self.end + 1))),
            "share": "0" if kind != "02" else self.pick(("0", "0.3", "0.5", "1")),
        }

    def turn(self):
        """31 December of the year of admission."""
        return date(date.fromordinal(self.begin).year, 12, 31).toordinal()

    def relation(self, insutype):
        """A relation that covers the first day of the visit, begun full months or a day more or less before it."""
        self.months = self.pick((0, 1, 5, 6, 7, 12, 60))
        first = date.fromordinal(self.begin)
        index = first.year * 12 + first.month - 1 - self.months
        since = date(index // 12, index % 12 + 1, min(first.day, 28)).toordinal() + self.pick((-1, 0, 0, 1, 3))
        return {
            "insutype": insutype,
            "psn_type": self.pick(PERSON_TYPES[insutype]),
            "civil_servant": self.chance(0.25),
            "contribution_years": None if self.chance(0.25) else self.within(0, 40),
            "first": iso(min(since, self.begin)),
            "last": None,
        }

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
            return self.sex if true and self.sex != "unknown" else self.pick(("male", "female"))
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
                return [self.pick(self.filings)["kind"]]
            return self.some(FILINGS, 2)
        if key in ("emergency", "injury"):
            return self.chance(0.5)
        if key == "birth":
            return [self.pick(("1", "3", ""))]
        if key == "birth_control":
            return [self.pick(("3", ""))]
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
            found.append({"value": draw(), "when": self.when(empty=0), "unverified": "random"})
        if not found or self.chance(total):
            last = {"value": draw(), "when": {}, "source": "random"}
            if self.chance(0.5):
                del last["when"]
            found.append(last)
        return found

    def money(self, most=100):
        text = trimmed(oracle.yuan(self.amount(most)))
        # A whole number may stand without quotes.
        return int(text) if "." not in text and self.chance(0.2) else text

    def ratio(self):
        r = self.random()
        if r < 0.5:
            return self.pick(HIGH_RATIOS)
        if r < 0.95:
            return self.pick(RATIOS)
        return decimal(self.within(0, oracle.ONE), 6)

    # The policy

    def accumulator(self, feeds, layers=None):
        """The key of an accumulator of this kind: now and then one that is there already, else a new one."""
        same = [acc for acc in self.accumulators if acc["feeds"] == feeds]
        if same and self.chance(0.25):
            acc = self.pick(same)
            # One that this layer does not feed is allowed too, but for tiers.
            if layers and acc.get("layers") and (feeds == "base" or self.chance(0.8)):
                acc["layers"] += [name for name in layers if name not in acc["layers"]]
            return acc["key"]
        acc = {"key": f"{KEY_STEMS[feeds]}{len(self.accumulators) + 1}", "feeds": feeds}
        # The tiers of a layer may only go on over an accumulator that says which layers feed it.
        if layers and (feeds == "base" or self.chance(0.7)):
            acc["layers"] = list(layers)
        acc["period"] = self.pick(("year", "year", "year", "year", "stay", "stay", "month", "quarter"))
        if self.chance(0.15):
            acc["when"] = self.when(empty=0)
        if self.chance(0.08):
            acc["per_disease"] = True
        self.accumulators.append(acc)
        return acc["key"]

    def deductible(self, layer, when):
        row = {"when": when}
        row["standard"] = self.cases(lambda: self.money(30))
        if self.chance(0.35 if self.stay else 0.1):
            repeat = {"accumulator": self.accumulator("stays")}
            r = self.random()
            if r < 0.45:
                repeat["factors"] = self.pick(
                    (
                        ["1", "0.7", "0.5"],
                        ["1", "0.5"],
                        ["1", "0.5", "0"],
                        ["0.9", "1.2"],
                        ["1", "0.666667", "0.333333", "0.1"],
                        ["0.85"],
                    )
                )
            elif r < 0.75:
                repeat["minus"] = self.money(10)
            else:
                repeat["compound"] = self.pick(("0.5", "0.7", "0.9", "0.333333", "0", "1"))
            if self.chance(0.4):
                repeat["floor"] = self.cases(lambda: self.money(15))
            row["repeat"] = repeat
        if self.chance(0.2 if self.stay else 0.05):
            row["recharge_days"] = self.pick((1, 7, 30, 60, 90, 180))
        if self.chance(0.55):
            row["accumulator"] = self.accumulator("deductible", [layer])
        if self.chance(0.3):
            row["ceiling"] = self.cases(lambda: self.money(50))
            row["ceiling_accumulator"] = self.accumulator("deductible", [layer])
        if self.chance(0.25):
            row["referral"] = self.pick(("counts", "consortium"))
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
                years = self.years or 20
                row["required_years"] = self.cases(lambda: self.pick((25, 30, years, years + 1)))
        elif r < 0.7:
            row["self_share_times"] = self.pick(("0.6", "0.5", "0", "1.2", "0.333333"))
        else:
            row["times"] = self.pick(("0.3", "0.5", "0.9", "1.1", "0.333333", "0", "1", "1.5", "0.666667"))
        if self.chance(0.3):
            row["group"] = self.pick(("a", "b"))
        row["unverified"] = "random"
        return row

    def layer(self, index, name):
        fund = "hifp" if index == 0 and self.chance(0.8) else self.pick(oracle.FUNDS)
        layer = {"id": name, "title": "random", "fund": fund, "fund_pay_type": FUND_TYPES[fund]}
        if self.chance(0.15 if index == 0 else 0.35):
            layer["when"] = self.when(empty=0)
        if self.chance(0.1):
            layer["during_pause"] = self.chance(0.8)
        if index == 0:
            kind = self.pick(("in-scope",) * 12 + ("residual", "over-cap"))
        else:
            kind = self.pick(("in-scope", "residual", "residual", "residual", "over-cap", "over-cap"))
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
            layer["tiers_accumulator"] = self.accumulator("base", [name])
        if self.chance(0.15 if index == 0 else 0.5):
            layer["threshold"] = {"value": self.cases(lambda: self.money(40))}

        for _ in range(self.pick((0, 0, 1, 1, 2, 3))):
            cap = {"on": self.pick(("scope", "outlay", "outlay"))}
            if self.chance(0.3):
                cap["when"] = self.when(empty=0)
            cap["value"] = self.cases(lambda: self.money(80))
            if self.chance(0.85):
                feeds = cap["on"]
                others = [f"layer{i + 1}" for i in range(self.layers) if i != index] + ["floor"]
                layers = [name] if self.chance(0.75) else [name] + self.some(others, 2)
                cap["accumulator"] = self.accumulator(feeds, list(dict.fromkeys(layers)))
            layer.setdefault("cap", []).append(cap)

        bound, tiers = 0, []
        for _ in range(self.pick((0, 0, 1, 1, 2, 3))):
            bound += max(1, self.amount(40))
            self.marks.append(bound)
            tiers.append({"to": trimmed(oracle.yuan(bound)), "ratio": self.cases(self.ratio)})
        if not tiers or self.chance(0.9):
            tiers.append({"ratio": self.cases(self.ratio)})
        layer["tier"] = tiers

        if self.chance(0.4):
            layer["adjust"] = [self.adjust() for _ in range(self.pick((1, 1, 2, 3)))]
            layer["stacking"] = self.pick(("add", "largest", "sequential"))
        if self.chance(0.12):
            layer["max_ratio"] = self.pick(("0.9", "0.95", "1", "0.5"))
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

        self.layers = self.pick((1, 1, 2, 2, 3, 4))
        layers = [self.layer(i, f"layer{i + 1}") for i in range(self.layers)]
        for feeds in ("in-scope", "outlay", "deductible", "scope", "stays"):
            if self.chance(0.08):
                self.accumulator(feeds)
        if self.accumulators:
            policy["accumulator"] = self.accumulators
        policy["layer"] = layers
        policy.update(self.dates_and_split())
        if self.chance(0.25):
            policy["quota"] = []
            for _ in range(self.pick((1, 1, 2))):
                fund = self.pick(oracle.FUNDS)
                quota = {"title": "random", "when": self.when(empty=0.5)}
                quota.update(fund=fund, fund_pay_type=FUND_TYPES[fund])
                if self.chance(0.7):
                    quota["excess_borne_by"] = self.pick(("person", "hospital"))
                if self.chance(0.3):
                    quota["automatic"] = self.chance(0.8)
                quota["amount"] = self.cases(self.money)
                policy["quota"].append(quota)
        if self.chance(0.25):
            fund = self.pick(oracle.FUNDS)
            floor = {"fund": fund, "fund_pay_type": FUND_TYPES[fund]}
            floor["ratio"] = self.cases(self.ratio)
            if self.chance(0.2):
                floor["when"] = self.when(empty=0)
            if self.chance(0.5):
                floor["of_total"] = self.chance(0.7)
            policy["floor"] = floor
        if self.chance(0.7):
            policy["account"] = self.account()
        return policy

    def account(self):
        account = {"pays": self.some(("in-scope", "preselfpay", "overlimit", "ownpay"), 5)}
        if self.chance(0.3):
            account["visit"] = self.condition("visit")
        if self.chance(0.3):
            account["family_first"] = self.chance(0.7)
        return account

    def dates_and_split(self):
        """Of a policy, what says which date counts and how a line is split."""
        dates = {}
        for key in ("entitlement", "identity", "filing", "policy", "year"):
            if self.chance(0.3):
                dates[key] = self.pick(("start", "end", "settlement"))
        if self.chance(0.2):
            dates["catalogue"] = self.pick(("fee", "start", "end", "settlement"))
        if self.over_year:
            dates["cross_year"] = self.pick(("whole", "split-by-fee-date", "split-by-fee-date", "forced-mid-stay"))
        elif self.chance(0.2):
            dates["cross_year"] = self.pick(("whole", "split-by-fee-date", "forced-mid-stay"))
        if self.chance(0.5 if self.over_year else 0.1):
            dates["second_deductible"] = self.chance(0.6)

        if self.chance(0.3):
            dates["filing_by"] = self.pick(("start", "end", "settlement"))
        if self.chance(0.2):
            dates["filing_place"] = self.pick(("area", "institution"))

        split = {}
        if self.chance(0.2):
            split["ratio_of"] = self.pick(("care", "insured"))
        if self.chance(0.2):
            split["overlimit_ways"] = {way: self.pick(("person", "hospital")) for way in self.some(("1", "2"), 2)}
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
        return {name: table for name, table in (("dates", dates), ("split", split)) if table}

    def versions(self):
        """The policy, and now and then a second version of it with other figures."""
        policy = self.policy()
        if not self.chance(0.2):
            return [policy]
        newer = copy.deepcopy(policy)
        newer["version"] = "2"
        start = self.turn() + 1 if self.over_year and self.chance(0.7) else self.within(self.begin, self.settled + 1)
        newer["effective_from"] = iso(start)
        if self.chance(0.5):
            policy["effective_to"] = iso(start - 1)
        for name in ("dates", "split"):
            newer.pop(name, None)
        newer.update(self.dates_and_split())
        self.redraw(newer["layer"])
        for name in ("quota", "floor"):
            self.redraw(newer.get(name, ()))
        if self.chance(0.3):
            newer["account"] = self.account()
        return [policy, newer]

    def redraw(self, node, key=""):
        """Half of the figures anew."""
        if isinstance(node, dict):
            if "value" in node and key in ("standard", "ceiling", "floor", "value", "amount", "ratio"):
                if self.chance(0.5):
                    node["value"] = self.ratio() if key == "ratio" else self.money(40)
            else:
                for name, inner in node.items():
                    self.redraw(inner, name)
        elif isinstance(node, list):
            for inner in node:
                self.redraw(inner, key)

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
            price = self.prices[code] = self.unit_price()
            items.append(self.item(code, price))
            if self.chance(0.15):
                # A new row from some day on; the old one ends the day before it.
                start = self.within(self.begin, self.settled + 1)
                items[-1]["last"] = iso(start - 1)
                if self.chance(0.9):
                    items.append({**self.item(code, price), "first": iso(start)})
            # Catalogues of the place of care and of the insured's place, which go before the general one.
            for area in dict.fromkeys((POOLS[self.place], POOL)):
                if self.chance(0.2):
                    items.append({**self.item(code, price), "area": area})
        return items

    def item(self, code, price):
        kind = self.pick(("01", "01", "01", "02", "02", "02", "02", "03"))
        limits = {}
        if self.chance(0.6):
            for level in LEVELS if self.chance(0.8) else self.some(LEVELS, 2):
                edge = self.pick((price, price - 1, price + 1, price // 2, price // 3, price * 2, price * 9 // 10))
                limits[level] = decimal(max(0, edge), 6) if self.chance(0.95) else "99999999"
        rows = []
        if self.chance(0.85):
            for person_type in self.some(("310", "390", "99"), 3):
                row = {"person_type": person_type, "ratio_type": self.pick(("10", "10", "10", "20"))}
                row["ratio"] = self.pick(ADVANCE)
                row["from_price"] = None
                if self.chance(0.1):
                    # By price band.
                    for bound in sorted({0, price, price + self.pick((-1, 0, 1)), price // 2, price * 2}):
                        if self.chance(0.6):
                            band = {"ratio_type": "30", "ratio": self.pick(ADVANCE)}
                            rows.append({**row, **band, "from_price": decimal(max(0, bound), 6)})
                else:
                    rows.append(row)
        return {
            "code": code,
            "first": "2000-01-01",
            "last": None,
            "class": kind,
            "restricted": self.chance(0.15),
            "max_per_day": self.pick(("1", "2", "3", "1.5", "10")) if self.chance(0.15) else None,
            "max_per_stay": self.pick(("1", "3", "5", "2.5", "20")) if self.chance(0.15) else None,
            "limits": limits,
            "ways": {level: self.pick(("1", "2")) for level in limits if self.chance(0.4)},
            "ratios": rows,
            "area": "",
        }

    def line(self, item, price, units, day, minute, refund_of=None, off=0, approval="0"):
        self.last_no += 1
        amount = oracle.divide(price * units, 10**8) + off
        return {
            "no": str(self.last_no),
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
            return self.turn() + self.within(0, 1)
        if self.chance(0.02):
            return self.pick((self.begin - 1, self.end + 1))  # a moment before, or sent afterwards
        return self.begin + self.within(0, self.nights)

    def new_line(self, codes):
        """A line, with what its refunds need: [line, price, units left, amount left, day]."""
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
        line = self.line(code, price, units, day, minute, None, off, approval)
        return [line, price, units, oracle.money(line["amount"]), day]

    def refunds(self, fact, too_much=0.0):
        """Refunds of a line, one after the other; with the chance `too_much` the last takes back more than is left."""
        line, price, left, paid, day = fact
        found = []
        for _ in range(self.pick((1, 1, 2, 3))):
            if left <= 0:
                break
            r = self.random()
            if r < 0.35:
                back = left
            elif r < 0.7 and left >= 10_000:
                back = 10_000
            else:
                back = self.within(1, left)
            if self.chance(too_much):
                back = left + 1
            paid -= oracle.divide(price * back, 10**8)
            if paid < 0 and back < left and not self.chance(too_much * 5):
                break  # prices below a fen: the rounded refunds come to more than the line
            left -= back
            # On the same day or later, but in the year of the original (one time in ten in any year, or before it).
            last = max(day, self.end)
            if self.chance(0.9):
                last = min(last, date(date.fromordinal(day).year, 12, 31).toordinal())
            day = max(self.begin, day - 3) if self.chance(0.03) else self.within(day, last)
            # The hospital may or may not repeat the approval.
            approval = self.pick((line["approval"], "0"))
            minute = self.within(0, 540)
            found.append(self.line(line["item"], price, -back, day, minute, line["no"], 0, approval))
            fact[2], fact[3] = left, paid
        return found

    def settled_lines(self, codes):
        """Lines and refunds that an earlier settlement of the stay settled, and their facts."""
        lines, facts = [], []
        for _ in range(self.pick((0, 1, 2, 3))):
            fact = self.new_line(codes)
            rows = [fact[0]] + (self.refunds(fact) if self.chance(0.2) else [])
            amount = 0
            units = 0
            part = 0
            for row in rows:
                units += oracle.quantity(row["quantity"])
                # The last refund took what was left.
                settled = -amount if units == 0 else oracle.money(row["amount"])
                amount += settled
                # Which settlement before it was; a refund comes with its line or later.
                part = max(part, self.pick((0, 0, 1, 2)))
                lines.append({**row, "settled": oracle.yuan(settled), "part": part})
            fact[2], fact[3] = units, amount
            facts.append(fact)
        return lines, facts

    # All together

    def holding(self, case, parts):
        """The entries that live before the claim: the values of accumulators, often on an edge, and some beside."""
        held = []

        def add(key, period, disease, amount, insutype=self.insutype, visit="V0"):
            entry = {"key": key, "period": period, "disease": disease, "insutype": insutype}
            held.append({**entry, "visit": visit, "amount": oracle.yuan(amount)})

        seen = set()
        for part in parts:
            disease_of = {True: part.disease, False: ""}
            for acc in part.policy.get("accumulator", ()):
                period, disease = part.period(acc), disease_of[acc.get("per_disease", False)]
                at = (acc["key"], period)
                if at in seen:
                    continue
                seen.add(at)
                of_stay = acc["period"] == "stay"
                if acc["feeds"] == "stays":
                    amount = 100 * self.pick((0, 0, 1, 2, 3, 5))
                else:
                    amount = 0 if self.chance(0.45) else self.near()
                if of_stay and not self.continued:
                    amount = 0  # no settlement before can have fed it
                visit = VISIT if of_stay else "V0"
                if amount and self.chance(0.2):
                    add(*at, disease, amount // 2, visit=visit)
                    amount -= amount // 2
                if amount:
                    add(*at, disease, amount, visit=visit)
                if self.continued and acc["feeds"] == "stays" and self.chance(0.5):
                    add(*at, disease, 100, visit=VISIT)  # its own stay
                if self.continued and acc["feeds"] == "deductible" and not of_stay and self.chance(0.5):
                    # What an earlier settlement of the visit fed, in the year of admission.
                    add(acc["key"], iso(self.begin)[:4] + period[4:], disease, self.near(), visit=VISIT)
                if self.chance(0.1):
                    # Of another time, relation, disease or accumulator.
                    add(acc["key"], "2019", disease, 100)
                    add(*at, disease, 10_000, insutype="330")
                    add(*at, "Z99", 100)
                    add("OTHER", period, disease, 100)
        if self.chance(0.3):
            self.random_order(held)
        case["held"] = held

    def random_order(self, items):
        for i in range(len(items) - 1, 0, -1):
            j = self.within(0, i)
            items[i], items[j] = items[j], items[i]

    def year(self, case, codes):
        """Further visits of the person under the same rules, one of them reversed: what each was settled at, and
        what those that live would be at without the reversed one. A correction changes nothing that was settled."""
        visits = [{"visit": VISIT, "lines": case["lines"], "expected": case["expected"]}]
        for number in range(self.pick((1, 2, 3))):
            facts = [self.new_line(codes) for _ in range(self.pick((1, 2, 3)))]
            lines = [fact[0] for fact in facts]
            if self.chance(0.3):
                lines += self.refunds(facts[0])
            visits.append({"visit": f"V{number + 2}", "lines": lines})

        def settled(visits):
            held, results = [], []
            for at in visits:
                one = {**case, "visit": {**case["visit"], "id": at["visit"]}, "lines": at["lines"], "held": held}
                result = oracle.settle(one)
                results.append(result)
                for entry in result.get("entries", ()):
                    held.append({**entry, "insutype": self.insutype, "visit": at["visit"]})
            return results

        results = settled(visits)
        # One that cannot be settled never was.
        visits = [at for at, result in zip(visits, results) if "refused" not in result]
        for at, result in zip(visits, settled(visits)):
            at["expected"] = result
        if len(visits) < 2:
            return None
        reversed_one = self.within(0, len(visits) - 1)
        after = settled(visits[:reversed_one] + visits[reversed_one + 1 :])
        return {"visits": visits, "reversed": reversed_one, "after": after}

    def make(self):
        self.person()
        corrected = self.chance(0.15)
        if corrected:
            self.continued = False
        policies = self.versions()
        items = self.catalogue()
        codes = sorted(self.prices) + ["U99"]  # U99 is in no catalogue
        self.prices["U99"] = self.unit_price()
        self.last_no = self.pick((0, 0, 7, 97))

        settled, before = self.settled_lines(codes) if self.continued and self.chance(0.5) else ([], [])
        facts = [self.new_line(codes) for _ in range(self.pick((0, 1, 1, 2, 2, 3, 4)))]
        lines = [fact[0] for fact in facts]
        if self.chance(0.3):
            for fact in facts:
                if self.chance(0.6):
                    lines += self.refunds(fact, too_much=0.02)
        given_back = []
        for fact in before:
            if self.chance(0.3):
                given_back += self.refunds(fact, too_much=0.02)
        edge = None
        if not lines or self.chance(0.7):
            edge = self.line("X09", 0, 10_000, self.day(), self.within(0, 540))
            items.append({**self.item("X09", 0), "class": "01", "restricted": False, "limits": {}})
            items[-1].update(max_per_day=None, max_per_stay=None, ways={})

        end = None
        if self.stay and not self.open:
            end = moment(self.end, 18)
        elif not self.stay and self.chance(0.3):
            # Of an outpatient visit it says nothing: both dates are the visit.
            end = moment(self.begin + self.pick((0, 0, 1, 30, 400)), 18)
        case = {
            "policies": policies,
            "person": {
                "sex": self.sex,
                "birth": iso(self.born),
                "relations": self.relations,
                "identities": self.identities,
                "filings": self.filings,
                "pauses": self.pauses,
                "contributions": self.contributions,
                "death": self.death,
            },
            # Divisions and their pools; the insured's is 460200, the institution's 460300.
            "areas": {"460200": POOL, "460300": POOLS[self.place]},
            "institution": {
                "level": self.level,
                "price_level": self.level if self.chance(0.7) else self.pick(LEVELS),
                "hosp_lv": self.pick(HOSPITALS),
                "pool": POOLS[self.place],
                "code": "H1",
                "division": "460300",
                "same_consortium": self.chance(0.5),
            },
            "catalogue": items,
            "visit": {
                "id": VISIT,
                "insutype": self.insutype,
                "med_type": self.med_type,
                "begin": moment(self.begin),
                "end": end,
                "disease": self.disease,
                "main_diagnosis": self.diagnosis,
                "third_party_share": self.share,
                "emergency": self.emergency,
                "injury": self.injury,
                "birth": self.birth,
                "birth_control": self.birth_control,
                "referred_deductible": oracle.yuan(self.near()) if self.chance(0.15) else "0.00",
            },
            "request": {
                "time": moment(self.settled, 19),
                "account_use": self.pick(("none", "none", "own", "family")),
                "mid_stay": self.mid_stay,
                "by_quota": "quota" in policies[0] and self.chance(0.5),
            },
            "balances": {"own": "0.00", "family": "0.00"},
            "held": [],
            "settled": settled,
            "lines": lines + given_back + ([edge] if edge else []),
        }
        if self.chance(0.6):
            case["balances"] = {"own": oracle.yuan(self.near()), "family": oracle.yuan(self.near())}

        readings = set()
        try:
            parts = oracle.parts_of(case)
            if corrected:
                case["request"]["account_use"] = "none"
                case["visit"]["referred_deductible"] = "0.00"
            else:
                self.holding(case, parts)
            if edge:
                self.set_edge(case, edge)
            if given_back and self.takes_back_more(case, parts):
                case["lines"] = lines + ([edge] if edge else [])
        except oracle.Refused:
            pass  # the expected result says so
        self.random_order(case["lines"])
        case["expected"] = oracle.settle(case, readings)
        case["year"] = self.year(case, codes) if corrected and "refused" not in case["expected"] else None
        return case, readings

    def set_edge(self, case, edge):
        """Let a line bring the scope onto an edge. Shares taken off by extra_selfpay are left as they fall."""
        scope = sum(split.in_scope for _, _, split in oracle.split_lines(case, oracle.parts_of(case), set()))
        missing = self.near() - scope
        if missing < 0:
            missing = self.near()
        edge.update(amount=oracle.yuan(missing), price=decimal(missing * 10_000, 6))

    @staticmethod
    def takes_back_more(case, parts):
        """Whether refunds of lines settled before take more out of a part of the bill than is in it."""
        sums = [oracle.Split() for _ in parts]
        for _, part, split in oracle.split_lines(case, parts, set()):
            sums[part.index].add(split)
        return any(getattr(total, name) < 0 for total in sums for name in oracle.Split.__slots__)


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
