"""The published worked examples E1 to E7, held against the oracle to the fen.

After them two line examples of the reference, and a few claims worked out by hand for what the published ones leave
out.

    python3 tests/oracle/test_examples.py
"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402


def cases(value, **when):
    return [{"value": value, "when": when, "source": "published example"}]


def tier(ratio, to=None):
    row = {"ratio": cases(ratio)}
    if to is not None:
        row["to"] = to
    return row


def layer(name, fund, tiers, **more):
    return {
        "id": name,
        "title": name,
        "fund": fund,
        "fund_pay_type": "999997",
        "base": "in-scope",
        "tier": tiers,
        **more,
    }


def policy(insutype, layers, accumulators=(), **more):
    return {
        "format": 1,
        "id": "example",
        "title": "example",
        "pool_area": "460000",
        "insutype": insutype,
        "version": "1",
        "effective_from": "2000-01-01",
        "accumulator": list(accumulators),
        "layer": layers,
        **more,
    }


def item(code, kind, ratio=None):
    rows = [{"person_type": "99", "ratio_type": "10", "ratio": ratio, "from_price": None}] if ratio else []
    return {
        "code": code,
        "first": "2000-01-01",
        "last": None,
        "class": kind,
        "restricted": False,
        "max_per_day": None,
        "max_per_stay": None,
        "limits": {},
        "ways": {},
        "ratios": rows,
        "area": "",
    }


CATALOGUE = [item("A", "01"), item("B", "02", "0.1"), item("B5", "02", "0.05"), item("C", "03")]


def line(number, code, amount, quantity="1", price=None, refund_of=None):
    return {
        "no": str(number),
        "refund_of": refund_of,
        "time": f"2025-03-01T09:{number:02d}:00",
        "item": code,
        "amount": amount,
        "quantity": quantity,
        "price": price or amount,
        "approval": "0",
    }


def relation(psn_type, insutype, first="2019-01-01", last=None):
    return {
        "insutype": insutype,
        "psn_type": psn_type,
        "civil_servant": False,
        "contribution_years": None,
        "first": first,
        "last": last,
    }


def claim(rules, lines, med_type="21", level="2", psn_type="15", identities=(), held=()):
    stay = oracle.visit_kind(med_type) in oracle.STAYS
    insutype = rules["insutype"]
    return {
        "policies": [rules],
        "person": {
            "sex": "male",
            "birth": "1960-05-01",
            "relations": [relation(psn_type, insutype)],
            "identities": list(identities),
            "filings": [],
            "pauses": [],
            "contributions": [],
            "death": None,
        },
        "areas": {"460200": "460000", "460300": "460000"},
        "institution": {
            "level": level,
            "price_level": level,
            "hosp_lv": "5",
            "pool": "460000",
            "code": "H1",
            "division": "460300",
            "same_consortium": False,
        },
        "catalogue": CATALOGUE,
        "visit": {
            "id": "V1",
            "insutype": insutype,
            "med_type": med_type,
            "begin": "2025-03-01T08:00:00",
            "end": "2025-03-08T10:00:00" if stay else None,
            "disease": "",
            "main_diagnosis": "J18.900",
            "third_party_share": "0",
            "emergency": False,
            "injury": False,
            "birth": "",
            "birth_control": "",
            "referred_deductible": "0.00",
        },
        "request": {"time": "2025-03-08T11:00:00", "account_use": "none", "mid_stay": False, "by_quota": False},
        "balances": {"own": "0.00", "family": "0.00"},
        "held": list(held),
        "settled": [],
        "lines": lines,
    }


def holds(key, period, amount, insutype="390", visit="V0"):
    return {"key": key, "period": period, "disease": "", "insutype": insutype, "visit": visit, "amount": amount}


def carry(held, case, result):
    """The entries after a settlement, which was of another visit than the next."""
    for entry in result["entries"]:
        held.append(holds(entry["key"], entry["period"], entry["amount"], case["visit"]["insutype"]))


class Check(unittest.TestCase):
    def expect(self, result, **wanted):
        self.assertEqual({name: result[name] for name in wanted}, wanted)


class Published(Check):
    def test_e1_basic_aid_and_tilt_aid(self):
        rules = policy(
            "390",
            [
                layer("basic", "hifp", [tier("0.7")], deductible=[{"standard": cases("300")}]),
                layer("aid", "maf", [tier("0.7")], base="residual", when={"identity": ["2305"]}),
                layer("tilt", "oth", [tier("0.6")], base="residual", threshold={"value": cases("3000")}),
            ],
        )
        result = oracle.settle(
            claim(
                rules, [line(1, "A", "50000.00"), line(2, "C", "2000.00")], identities=[["2305", "2023-01-01", None]]
            )
        )
        self.expect(result, total="52000.00", in_scope="50000.00")
        self.expect(result, hifp="34790.00", maf="10647.00", oth="937.80", funds="46374.80")

    def e2(self, caps):
        rules = policy(
            "310",
            [
                layer("basic", "hifp", [tier("0.91")], deductible=[{"standard": cases("1200")}], cap=caps),
                layer("large", "hifob", [tier("0.95")], base="over-cap"),
                layer(
                    "critical",
                    "hifmi",
                    [tier("0.6")],
                    base="residual",
                    base_less=["deductible"],
                    threshold={"value": cases("14370")},
                ),
            ],
        )
        return oracle.settle(claim(rules, [line(1, "A", "300000.00")], psn_type="11"))

    def test_e2_cap_on_outlay_and_grossed_up_scope(self):
        self.expect(self.e2([]), hifp="271908.00")
        self.expect(
            self.e2([{"on": "outlay", "value": cases("65000")}]),
            hifp="65000.00",
            hifob="216002.86",
            hifmi="2056.28",
            funds="283059.14",
            person="16940.86",
        )

    def test_e3_tiers_after_the_threshold(self):
        rules = policy(
            "390",
            [
                # What matters is that the basic fund has paid 40,000 of 90,000 in scope.
                layer("basic", "hifp", [tier("0.5")], deductible=[{"standard": cases("10000")}]),
                layer(
                    "critical",
                    "hifmi",
                    [tier("0.3", "20000"), tier("0.4", "50000")],
                    base="residual",
                    threshold={"value": cases("20000")},
                ),
            ],
        )
        result = oracle.settle(claim(rules, [line(1, "A", "90000.00"), line(2, "C", "10000.00")]))
        self.expect(result, total="100000.00", hifp="40000.00", hifmi="10000.00")

    def test_e4_three_stays_of_a_year(self):
        rules = policy(
            "390",
            [
                layer(
                    "basic",
                    "hifp",
                    [tier("0.8", "10000"), tier("0.85", "30000"), tier("0.9")],
                    tiers_from="zero",
                    deductible=[
                        {"standard": cases("400"), "repeat": {"accumulator": "STAYS", "factors": ["1", "0.7", "0.5"]}}
                    ],
                    cap=[{"on": "outlay", "value": cases("60000")}],
                )
            ],
            [{"key": "STAYS", "feeds": "stays", "period": "year"}],
        )
        held = []
        for charged, paid in (("400.00", "24680.00"), ("280.00", "24776.00"), ("200.00", "24840.00")):
            case = claim(rules, [line(1, "A", "30000.00")], level="3", held=held)
            result = oracle.settle(case)
            self.expect(result, deductible=charged, hifp=paid)
            carry(held, case, result)

    def test_e5_advance_and_own_pay_before_the_deductible(self):
        rules = policy("390", [layer("basic", "hifp", [tier("0.65")], deductible=[{"standard": cases("1200")}])])
        lines = [line(1, "A", "57000.00"), line(2, "B", "10000.00"), line(3, "C", "3000.00")]
        result = oracle.settle(claim(rules, lines))
        self.expect(result, total="70000.00", preselfpay="1000.00", ownpay="3000.00", hifp="42120.00")

    def test_e6_deductibles_of_a_year_have_a_ceiling(self):
        standard = [
            {"value": "600", "when": {"level": ["2"]}, "source": "published example"},
            {"value": "1200", "when": {"level": ["3"]}, "source": "published example"},
        ]
        rules = policy(
            "390",
            [
                layer(
                    "basic",
                    "hifp",
                    [tier("0.65")],
                    deductible=[{"standard": standard, "ceiling": cases("2300"), "ceiling_accumulator": "DED"}],
                )
            ],
            [{"key": "DED", "feeds": "deductible", "period": "year"}],
        )
        held = []
        for level, charged in (("2", "600.00"), ("2", "600.00"), ("3", "1100.00"), ("3", "0.00")):
            case = claim(rules, [line(1, "A", "5000.00")], level=level, held=held)
            result = oracle.settle(case)
            self.expect(result, deductible=charged)
            carry(held, case, result)

    def test_e7_annual_outpatient_deductible(self):
        rules = policy(
            "310",
            [
                layer(
                    "outpatient",
                    "hifp",
                    [tier("0.65")],
                    when={"visit": ["outpatient"]},
                    deductible=[{"standard": cases("300"), "accumulator": "DED"}],
                )
            ],
            [{"key": "DED", "feeds": "deductible", "period": "year"}],
        )
        held = []
        lines = [line(1, "A", "1000.00"), line(2, "C", "50.00")]
        case = claim(rules, lines, med_type="11", level="1", psn_type="12")
        result = oracle.settle(case)
        self.expect(result, total="1050.00", deductible="300.00", hifp="455.00", person="595.00")
        carry(held, case, result)
        case = claim(rules, [line(1, "A", "100.00")], med_type="11", level="1", psn_type="12", held=held)
        self.expect(oracle.settle(case), deductible="0.00", hifp="65.00")


class Lines(Check):
    def test_three_partial_refunds_net_to_nothing(self):
        lines = [line(1, "A", "1.00", "3", "0.333335")]
        lines += [line(n, "A", "-0.33", "-1", "0.333335", "1") for n in (2, 3, 4)]
        result = oracle.settle(claim(policy("390", []), lines))
        self.assertEqual([row["amount"] for row in result["lines"]], ["1.00", "-0.33", "-0.33", "-0.34"])
        self.assertEqual((result["total"], result["in_scope"]), ("0.00", "0.00"))

    def test_class_b_rounds_half_up(self):
        result = oracle.settle(claim(policy("390", []), [line(1, "B5", "4.52")], med_type="11"))
        self.assertEqual((result["preselfpay"], result["in_scope"]), ("0.23", "4.29"))


class ByHand(Check):
    def over_new_year(self, second):
        rules = policy(
            "390",
            [layer("basic", "hifp", [tier("0.8")], deductible=[{"standard": cases("300"), "accumulator": "DED"}])],
            [{"key": "DED", "feeds": "deductible", "period": "year"}],
            dates={"cross_year": "split-by-fee-date", "second_deductible": second},
        )
        lines = [line(1, "A", "1000.00"), line(2, "A", "1000.00")]
        case = claim(rules, lines, held=[holds("DED", "2026", "50.00"), holds("DED", "2025", "9.00", "310")])
        case["visit"]["begin"], case["visit"]["end"] = "2025-12-30T08:00:00", "2026-01-02T10:00:00"
        case["request"]["time"] = "2026-01-02T11:00:00"
        case["lines"][0]["time"], case["lines"][1]["time"] = "2025-12-31T23:59:59", "2026-01-01T00:00:00"
        return oracle.settle(case)

    def test_second_deductible(self):
        result = self.over_new_year(True)  # 300, then 300 - 50 of the new year
        self.assertEqual((result["deductible"], result["hifp"]), ("550.00", "1160.00"))
        self.assertEqual([entry["amount"] for entry in result["entries"]], ["300.00", "250.00"])
        result = self.over_new_year(False)
        self.assertEqual((result["deductible"], result["hifp"]), ("300.00", "1360.00"))
        self.assertEqual([entry["amount"] for entry in result["entries"]], ["300.00"])

    def test_deductible_recharged_every_so_many_days(self):
        for nights, charged in ((0, "100.00"), (90, "100.00"), (91, "200.00"), (180, "200.00"), (181, "300.00")):
            rules = policy(
                "390",
                [layer("basic", "hifp", [tier("0.8")], deductible=[{"standard": cases("100"), "recharge_days": 90}])],
            )
            case = claim(rules, [line(1, "A", "1000.00")])
            end = oracle.date.fromordinal(oracle.date(2025, 3, 1).toordinal() + nights).isoformat()
            case["visit"]["end"], case["request"]["time"] = end + "T10:00:00", end + "T11:00:00"
            self.assertEqual(oracle.settle(case)["deductible"], charged)

    def test_stacking(self):
        adjust = [{"points": "-0.1", "when": {}}, {"times": "0.5", "when": {}}, {"points": "0.05", "when": {}}]
        for stacking, paid in (("add", "375.00"), ("largest", "400.00"), ("sequential", "400.00")):
            rules = policy("390", [layer("basic", "hifp", [tier("0.8")], adjust=adjust, stacking=stacking)])
            self.assertEqual(oracle.settle(claim(rules, [line(1, "A", "1000.00")]))["hifp"], paid, stacking)

    def test_quota_and_hospital(self):
        quota = {
            "title": "birth",
            "amount": cases("600"),
            "fund": "hifp",
            "fund_pay_type": "310100",
            "excess_borne_by": "hospital",
        }
        rules = policy("390", [], quota=[quota], account={"pays": ["in-scope"]})
        case = claim(rules, [line(1, "A", "1000.00"), line(2, "C", "50.00")], med_type="52")
        case["request"].update(by_quota=True, account_use="own")
        case["balances"]["own"] = "100.00"
        result = oracle.settle(case)
        self.assertEqual((result["hifp"], result["hospital"], result["person"]), ("600.00", "400.00", "50.00"))
        # What the hospital bears is not the account's to pay, and the 50 are not in scope.
        self.assertEqual(result["account"], "0.00")

    def test_floor_third_party_and_accounts(self):
        rules = policy(
            "390",
            [layer("basic", "hifp", [tier("0.3")])],
            floor={"ratio": cases("0.45"), "fund": "oth", "fund_pay_type": "999997"},
            account={"pays": ["in-scope"], "family_first": True},
        )
        case = claim(rules, [line(1, "A", "1000.00"), line(2, "C", "50.00")])
        case["visit"]["third_party_share"] = "0.2"
        case["request"]["account_use"] = "family"
        case["balances"] = {"own": "300.00", "family": "200.00"}
        result = oracle.settle(case)
        self.assertEqual((result["hifp"], result["oth"]), ("240.00", "120.00"))
        # In scope 800 - 360; the family's account first, the rest from the own one.
        self.expect(result, account="440.00", family_account="200.00", balance="60.00")
        self.expect(result, person="690.00", cash="250.00")

    def test_item_cap_limit_and_order(self):
        article = item("L", "02", "0.1")
        article.update(max_per_day="3", limits={"2": "8"})
        for order, wanted in (
            ("limit-first", ("20.00", "6.00", "2.40", "21.60")),
            ("ratio-first", ("20.00", "3.00", "3.00", "24.00")),
        ):
            case = claim(policy("390", [], split={"order": order}), [line(1, "L", "50.00", "5", "10")])
            case["catalogue"] = [article]
            result = oracle.settle(case)
            parts = tuple(result[name] for name in ("ownpay", "overlimit", "preselfpay", "in_scope"))
            self.assertEqual(parts, wanted, order)


    def shared_cap(self, scope):
        """Two layers under one cap of 500: the second sees what the first has fed."""
        cap = [{"on": "outlay", "accumulator": "OUT", "value": cases("500")}]
        rules = policy(
            "390",
            [
                layer("one", "hifp", [tier("0.8", "400"), tier("0", "450"), tier("0.5")], cap=cap),
                layer("two", "hifmi", [tier("0.5")], base="residual", cap=cap),
            ],
            [
                {"key": "OUT", "feeds": "outlay", "period": "year"},
                {"key": "SCOPE", "feeds": "scope", "layers": ["one"], "period": "year"},
            ],
        )
        return oracle.settle(claim(rules, [line(1, "A", scope)]))

    def test_a_cap_shared_by_two_layers(self):
        # 320, nothing, 25; of the 155 left the second layer pays 0.5 x 155.
        result = self.shared_cap("500.00")
        self.assertEqual((result["hifp"], result["hifmi"]), ("345.00", "77.50"))
        self.assertEqual(result["entries"][0]["amount"], "422.50")
        # The room is reached at 450 + 180 / 0.5 = 810 of scope.
        result = self.shared_cap("900.00")
        self.assertEqual((result["hifp"], result["hifmi"]), ("500.00", "0.00"))
        self.assertEqual(result["entries"][1], {**result["entries"][1], "key": "SCOPE", "amount": "810.00"})

    def test_a_second_deductible_begins_anew_in_an_accumulator_of_the_stay(self):
        accumulator = {"key": "DED", "feeds": "deductible", "period": "stay"}
        deductible = [{"standard": cases("300"), "accumulator": "DED"}]
        for second, periods in ((False, ["V1"]), (True, ["V1", "V1/2026"])):
            rules = policy(
                "390",
                [layer("basic", "hifp", [tier("0.8")], deductible=deductible)],
                [accumulator],
                dates={"cross_year": "split-by-fee-date", "second_deductible": second},
            )
            case = claim(rules, [line(1, "A", "1000.00"), line(2, "A", "1000.00")])
            case["visit"].update(begin="2025-12-30T08:00:00", end="2026-01-02T10:00:00")
            case["request"]["time"] = "2026-01-02T11:00:00"
            case["lines"][0]["time"], case["lines"][1]["time"] = "2025-12-31T23:59:59", "2026-01-01T00:00:00"
            self.assertEqual([entry["period"] for entry in oracle.settle(case)["entries"]], periods)

    def test_a_later_settlement_of_a_stay(self):
        """Two a day may pass: three were settled, one comes back, two more were given."""
        article = {**item("L", "01"), "max_per_day": "2"}
        case = claim(policy("390", [layer("basic", "hifp", [tier("0.5")])]), [])
        case["catalogue"] = [article]
        before = line(1, "L", "30.00", "3", "10")
        case["settled"] = [{**before, "settled": "30.00", "part": 0}]
        case["lines"] = [line(2, "L", "-20.00", "-2", "10", "1"), line(3, "L", "20.00", "2", "10")]
        case["lines"][1]["time"] = before["time"]
        result = oracle.settle(case)
        # 20 of 30 passed, 10 of 10 do now; that makes room for one of two.
        parts = [(row["ownpay"], row["in_scope"]) for row in result["lines"]]
        self.assertEqual(parts, [("10.00", "10.00"), ("-10.00", "-10.00")])

    def test_a_stay_settled_in_december_and_after(self):
        """Of a deductible of 300, 200 were charged in December: 100 are left, or a whole one of the new year's."""
        for second, charged in ((False, "100.00"), (True, "300.00")):
            rules = policy(
                "390",
                [layer("basic", "hifp", [tier("0.8")], deductible=[{"standard": cases("300"), "accumulator": "DED"}])],
                [{"key": "DED", "feeds": "deductible", "period": "year"}],
                dates={"cross_year": "forced-mid-stay", "second_deductible": second},
            )
            case = claim(rules, [line(1, "A", "1000.00")], held=[holds("DED", "2025", "200.00", visit="V1")])
            case["visit"].update(begin="2025-12-20T08:00:00", end="2026-01-05T10:00:00")
            case["request"]["time"], case["lines"][0]["time"] = "2026-01-05T11:00:00", "2026-01-02T10:00:00"
            self.assertEqual(oracle.settle(case)["deductible"], charged)

    def test_refusals(self):
        rules = policy("390", [layer("basic", "hifp", [tier("0.8")])], dates={"cross_year": "forced-mid-stay"})
        case = claim(rules, [line(1, "A", "10.00", "2", "5"), line(2, "A", "-15.00", "-3", "5", "1")])
        self.assertEqual(oracle.settle(case), {"refused": "REFUND_TOO_LARGE"})
        case["lines"].pop()
        case["visit"]["end"] = case["request"]["time"] = "2026-01-02T10:00:00"
        self.assertEqual(oracle.settle(case), {"refused": "YEAR_NOT_SETTLED"})
        case["lines"][0]["time"] = "2026-01-01T10:00:00"
        self.assertEqual(oracle.settle(case)["hifp"], "8.00")
        case["person"]["relations"] = [relation("15", "390", "2019-01-01", "2025-02-01")]
        self.assertEqual(oracle.settle(case), {"refused": "NOT_INSURED"})


if __name__ == "__main__":
    unittest.main()
