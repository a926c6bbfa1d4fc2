//! The split of lines: limits, class B, caps on units, refunds.

use crate::build::*;
use dingan_core::claim::{AccountUse, Approval, Claim};
use dingan_core::decision::{LineSplit, Priced, SplitReason};
use dingan_core::money::Money;
use dingan_core::policy::BenefitPolicy;

fn plain(head: &str) -> BenefitPolicy {
    policy(&format!(
        r#"
        {head}
        [[layer]]
        id = "basic"
        title = "统筹"
        fund = "hifp"
        fund_pay_type = "390100"
        base = "in-scope"
        [[layer.tier]]
        ratio = [{{ value = "0.5" }}]
        "#
    ))
}

fn march() -> Bill {
    stay("V1", "H3", "2025-03-01", "2025-03-09")
}

/// Own pay, above limit, advance self-pay, in scope.
fn parts(l: &LineSplit) -> [Money; 4] {
    [l.ownpay, l.overlimit, l.preselfpay, l.in_scope]
}

fn sum(p: &Priced) -> [Money; 4] {
    let a = &p.amounts;
    [a.ownpay, a.overlimit, a.preselfpay, a.in_scope]
}

#[test]
fn each_class_and_order() {
    let ratio_first = "[split]\norder = \"ratio-first\"";
    let extra = "[split]\nextra_selfpay = [{ value = \"0.2\" }]";
    // (split, item, price, quantity, own, above limit, advance, in scope)
    let cases = [
        ("", "A", "100", "1", ["0", "0", "0", "100"]),
        ("", "B", "4.52", "1", ["0", "0", "0.45", "4.07"]),
        ("", "C", "100", "1", ["100", "0", "0", "0"]),
        ("", "NOWHERE", "100", "1", ["100", "0", "0", "0"]),
        ("", "RESTRICTED", "100", "1", ["100", "0", "0", "0"]),
        ("", "LIMITED", "10", "3", ["0", "0", "0", "30"]),
        ("", "LIMITED", "12", "3", ["0", "6", "0", "30"]),
        ("", "LIMITED-B", "12", "3", ["0", "6", "3", "27"]),
        (ratio_first, "LIMITED-B", "12", "3", ["0", "2.40", "3.60", "30"]),
        (extra, "B", "100", "1", ["0", "0", "28", "72"]),
        ("", "DAILY", "5", "3", ["5", "0", "0", "10"]),
        ("", "DAILY", "0.333335", "3", ["0.33", "0", "0", "0.67"]),
    ];
    for (split, item, price, quantity, want) in cases {
        let p = World::new(plain(split)).price(&march().entry("1", "2025-03-02", item, price, quantity).claim());
        assert_eq!(parts(&p.lines[0]), want.map(yuan), "{split} {item} {price} × {quantity}");
    }
}

#[test]
fn approval_of_restricted_items() {
    for (item, approval, in_scope, reason) in [
        ("RESTRICTED", Approval::Approved, "100", None),
        ("RESTRICTED", Approval::NotNeeded, "0", Some(SplitReason::NotApproved)),
        ("RESTRICTED", Approval::Refused, "0", Some(SplitReason::Refused)),
        ("A", Approval::Refused, "0", Some(SplitReason::Refused)),
    ] {
        let mut claim = march().line(item, "100").claim();
        claim.lines[0].approval = approval;
        let p = World::new(plain("")).price(&claim);
        assert_eq!((p.amounts.in_scope, p.lines[0].reason), (yuan(in_scope), reason), "{item} {approval:?}");
    }
}

/// What the hospital bears is no longer the person's: neither funds nor accounts pay for it.
#[test]
fn the_hospital_bears_what_is_above_the_limit() {
    for (bearer, hospital, person, account) in [("hospital", "6", "115", "15"), ("person", "0", "121", "21")] {
        let head =
            format!("[split]\noverlimit_borne_by = \"{bearer}\"\n[account]\npays = [\"in-scope\", \"overlimit\"]");
        let mut world = World::new(plain(&head));
        world.file.balances.own = yuan("9999");
        let claim = march()
            .entry("1", "2025-03-01", "LIMITED", "12", "3")
            .line_on("2025-03-02", "C", "100")
            .account(AccountUse::Own)
            .claim();
        let p = world.price(&claim);
        assert_eq!(p.amounts.overlimit, yuan("6"));
        assert_eq!(p.lines[0].hospital, yuan(hospital));
        assert_eq!(p.amounts.hospital, yuan(hospital));
        assert_eq!(p.amounts.funds, yuan("15"));
        assert_eq!(p.amounts.person, yuan(person), "{bearer}");
        assert_eq!(p.amounts.account, yuan(account), "{bearer}");
    }
}

/// Two a day are payable, in the order of time; a refund makes room for a later line of the day.
#[test]
fn units_above_the_cap_per_day() {
    let world = World::new(plain(""));
    let claim = |refund: bool| {
        let bill = march()
            .entry("1", "2025-03-02", "DAILY", "10", "2")
            .entry("2", "2025-03-02", "DAILY", "10", "2")
            .entry("3", "2025-03-03", "DAILY", "10", "2");
        if refund { bill.refund("4", "2025-03-04", "1", "1").claim() } else { bill.claim() }
    };
    let p = world.price(&claim(false));
    assert_eq!(sum(&p), ["20", "0", "0", "40"].map(yuan));
    assert_eq!(p.lines[1].reason, Some(SplitReason::AboveCap));

    let p = world.price(&claim(true));
    let by_line: Vec<_> = p.lines.iter().map(|l| (l.no.to_string(), l.ownpay, l.in_scope)).collect();
    let want = [("1", "0", "20"), ("2", "10", "10"), ("3", "0", "20"), ("4", "0", "-10")];
    assert_eq!(by_line, want.map(|(no, own, scope)| (no.to_owned(), yuan(own), yuan(scope))));
}

/// What earlier parts of a stay used up counts: only what was payable, and on the day it was given.
#[test]
fn units_above_the_cap_over_a_stay_settled_in_parts() {
    let mut world = World::new(plain(""));
    // ten on one day: two payable, so three of the five of the stay are left
    let first = march()
        .entry("1", "2025-03-02", "STAY", "10", "10")
        .entry("2", "2025-03-03", "STAY", "10", "2")
        .refund("3", "2025-03-04", "2", "1")
        .mid_stay("2025-03-05")
        .claim();
    assert_eq!(sum(&world.settle(&first)), ["80", "0", "0", "30"].map(yuan));
    let second = march()
        .entry("4", "2025-03-04", "STAY", "10", "2") // the refund of the 4th took nothing on the 4th
        .entry("5", "2025-03-05", "STAY", "10", "2")
        .claim();
    assert_eq!(sum(&world.settle(&second)), ["20", "0", "0", "20"].map(yuan));
}

// --- refunds -----------------------------------------------------------------------------------------

/// 3 × 0.333335 is 1.00; given back one by one at 0.33 each, the last takes 0.34.
#[test]
fn a_refund_in_parts_nets_to_nothing() {
    for item in ITEMS {
        let claim = march()
            .entry("1", "2025-03-02", item, "0.333335", "3")
            .refund("2", "2025-03-03", "1", "1")
            .refund("3", "2025-03-04", "1", "1")
            .refund("4", "2025-03-05", "1", "1")
            .claim();
        let p = World::new(plain("")).price(&claim);
        assert_eq!(p.lines.iter().map(|l| l.amount).collect::<Vec<_>>(), ["1.00", "-0.33", "-0.33", "-0.34"].map(yuan));
        assert_eq!(p.amounts.total, Money::ZERO, "{item}");
        assert_eq!(sum(&p), [Money::ZERO; 4], "{item}");
        assert_eq!(p.amounts.cash, Money::ZERO, "{item}");
    }
}

/// A hospital that does not repeat the approval on the refund gets the same split back.
#[test]
fn a_refund_has_the_approval_of_its_original() {
    let mut claim =
        march().entry("1", "2025-03-02", "RESTRICTED", "100", "2").refund("2", "2025-03-03", "1", "1").claim();
    claim.lines[0].approval = Approval::Approved;
    let p = World::new(plain("")).price(&claim);
    assert_eq!(sum(&p), ["0", "0", "0", "100"].map(yuan));
}

/// A line settled by an earlier part of the stay can be given back in a later one, and is split as it was.
#[test]
fn a_refund_of_a_line_settled_before() {
    for item in ITEMS {
        let mut world = World::new(plain(""));
        let first = march().entry("1", "2025-03-02", item, "12", "3").mid_stay("2025-03-05").claim();
        let was = world.settle(&first);
        let mut second = march().entry("3", "2025-03-06", "A", "1000", "1").claim();
        second.lines.push(refund_of(&first.lines[0], "2", "2025-03-06", "3"));
        let p = world.settle(&second);
        let refund = p.lines.iter().find(|l| l.no.as_str() == "2").unwrap();
        assert_eq!(parts(refund), parts(&was.lines[0]).map(|m| -m), "{item}");
    }
}

#[test]
fn refunds_that_cannot_be() {
    let base = || march().entry("1", "2025-03-02", "A", "10", "2");
    let change = |f: fn(&mut Claim)| {
        let mut claim = base().refund("2", "2025-03-03", "1", "1").claim();
        f(&mut claim);
        claim
    };
    let cases = [
        ("REFUND_ORIGINAL_MISSING", change(|c| c.lines[1].refund_of = Some("9".into()))),
        ("REFUND_TOO_LARGE", base().refund("2", "2025-03-03", "1", "3").claim()),
        ("REFUND_TOO_LARGE", change(|c| c.lines[1].quantity = units("1"))),
        ("REFUND_DIFFERS", change(|c| c.lines[1].price = unit_price("9"))),
        ("REFUND_DIFFERS", change(|c| c.lines[1].item = "B".into())),
        ("REFUND_DIFFERS", change(|c| c.lines[1].amount = yuan("10"))),
        ("NEGATIVE_LINE", change(|c| c.lines[1].refund_of = None)),
        ("LINE_DUPLICATE", change(|c| c.lines[1].no = "1".into())),
        ("LINE_DUPLICATE", base().refund("2", "2025-03-03", "1", "1").refund("2", "2025-03-04", "1", "1").claim()),
    ];
    let world = World::new(plain(""));
    for (code, claim) in cases {
        assert_eq!(world.facts(&claim).unwrap_err().code(), code);
    }
}
