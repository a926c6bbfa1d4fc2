//! The shipped policies of Hainan, switch by switch. The figures are unverified; what is tested is that
//! the policy says what its comments say.

use crate::build::*;
use dingan_core::money::Money;

struct Employee {
    what: &'static str,
    person_type: &'static str,
    years: Option<i64>,
    filed: &'static str,
    hospital: &'static str,
    med_type: &'static str,
    funds: &'static str,
}

/// A first stay of 10,800 in scope.
#[test]
fn employees_stays() {
    let base = Employee {
        what: "active, level 3, referred: 800, 85 %",
        person_type: "11",
        years: None,
        filed: "06",
        hospital: "H3",
        med_type: "21",
        funds: "8500",
    };
    let cases = [
        Employee { what: "not referred: 10 points less", filed: "", funds: "7500", ..base },
        Employee { what: "emergency admission", filed: "", med_type: "24", ..base },
        Employee { what: "level 2 needs no referral: 600, 88 %", filed: "", hospital: "H2", funds: "8976", ..base },
        Employee { what: "level 1: 300, 90 %", filed: "", hospital: "H1", funds: "9450", ..base },
        Employee { what: "remote without a record: 20 points less", filed: "", hospital: "R3", funds: "6500", ..base },
        Employee { what: "remote, lives there", filed: "08", hospital: "R3", ..base },
        Employee { what: "retired: 600, 90 %", person_type: "12", funds: "9180", ..base },
        Employee { what: "retired disabled soldier", person_type: "1112", funds: "9180", ..base },
        Employee { what: "retired, 28 of 30 years", person_type: "12", years: Some(28), funds: "8568", ..base },
        Employee { what: "retired, 30 years", person_type: "12", years: Some(30), funds: "9180", ..base },
        Employee { what: "active, 5 years: no matter", years: Some(5), ..base },
        base,
    ];
    for c in cases {
        let mut world = World::new(shipped("hainan-employee")).person_type(c.person_type);
        if !c.filed.is_empty() {
            world = world.filing(c.filed);
        }
        world.relation().contribution_years = c.years;
        let claim = stay("V1", c.hospital, "2025-03-01", "2025-03-09")
            .of("310")
            .med_type(c.med_type)
            .line("A", "10800")
            .claim();
        assert_eq!(world.price(&claim).amounts.funds, yuan(c.funds), "{}", c.what);
    }
}

/// Charged against the year: outpatients' 10, then 790 of a level 3 stay's 800, then nothing.
#[test]
fn employees_deductibles_add_up() {
    let mut world = World::new(shipped("hainan-employee")).filing("06");
    let charged: Vec<Money> = [
        visit("V1", "H1", "2025-02-01").line("A", "200"),
        stay("V2", "H3", "2025-03-01", "2025-03-09").line("A", "5000"),
        stay("V3", "H3", "2025-04-01", "2025-04-09").line("A", "5000"),
        visit("V4", "H3", "2025-05-01").line("A", "200"),
        stay("V5", "H1", "2026-01-03", "2026-01-09").line("A", "5000"),
    ]
    .into_iter()
    .map(|b| world.settle(&b.of("310").claim()).amounts.deductible)
    .collect();
    assert_eq!(charged, ["10", "790", "0", "0", "300"].map(yuan));
}

#[test]
fn employees_caps() {
    let mut world = World::new(shipped("hainan-employee")).filing("06");
    let mut big = |id: &str, begin: &str, end: &str| {
        let p = world.settle(&stay(id, "H3", begin, end).of("310").line("A", "400800").claim());
        (paid(&p, "pool"), paid(&p, "large"))
    };
    // 260,000 ÷ 0.85 = 305,882.35 of the 400,000; 90 % of the rest
    assert_eq!(big("V1", "2025-03-01", "2025-03-09"), (yuan("260000"), yuan("84705.89")));
    // the pool is used up; 300,000 of the large-cost fund are the last
    assert_eq!(big("V2", "2025-05-01", "2025-05-09"), (yuan("0"), yuan("215294.11")));
    assert_eq!(big("V3", "2025-07-01", "2025-07-09"), (yuan("0"), yuan("0")));

    let mut world = World::new(shipped("hainan-employee"));
    let mut seen =
        |id: &str| world.settle(&visit(id, "H1", "2025-03-01").of("310").line("A", "2010").claim()).amounts.funds;
    assert_eq!([seen("V1"), seen("V2")], ["1400", "100"].map(yuan));
}

/// 30 % in the first six months, for all but infants.
#[test]
fn new_members() {
    for (begin, birth, funds) in [("2025-01-10", "1960-06-15", "2550"), ("2024-08-01", "1960-06-15", "8500")] {
        let mut world = World::new(shipped("hainan-employee")).filing("06");
        world.relation().begin = day(begin);
        world.file.person.birth = day(birth);
        let claim = stay("V1", "H3", "2025-03-01", "2025-03-09").of("310").line("A", "10800").claim();
        assert_eq!(world.price(&claim).amounts.funds, yuan(funds), "insured {begin}");
    }
    // 30 % of the pool's 6,500 and of the 240 of critical illness (left 8,400, threshold 8,000)
    for (birth, funds) in [("2025-02-01", "6500"), ("2020-02-01", "2022")] {
        let mut world = World::new(shipped("hainan-resident")).filing("06").person_type("1401");
        world.relation().begin = day("2025-02-01");
        world.file.person.birth = day(birth);
        let claim = stay("V1", "H3", "2025-03-01", "2025-03-09").line("A", "10350").claim();
        assert_eq!(world.price(&claim).amounts.funds, yuan(funds), "born {birth}");
    }
}

/// Stays of 20,300 in level 2: what is left in scope crosses the threshold of critical illness over the year.
#[test]
fn residents_critical_illness_runs_over_the_year() {
    // (identity, pool and critical illness of stays 1 to 3)
    let cases = [
        // left: 5,300; 5,075; 5,075. Threshold 8,000, 60 %
        ("", [("15000", "0"), ("15225", "1425"), ("15225", "3045")]),
        // threshold 4,000, 65 %
        ("2304", [("15000", "845"), ("15225", "3298.75"), ("15225", "3298.75")]),
    ];
    for (identity, want) in cases {
        let mut world = World::new(shipped("hainan-resident"));
        if !identity.is_empty() {
            world = world.identity(identity);
        }
        for (n, (pool, illness)) in want.into_iter().enumerate() {
            let (begin, end) = (format!("2025-0{}-01", n + 1), format!("2025-0{}-09", n + 1));
            let p = world.settle(&stay(&format!("V{n}"), "H2", &begin, &end).line("A", "20300").claim());
            assert_eq!((paid(&p, "pool"), paid(&p, "illness")), (yuan(pool), yuan(illness)), "{identity} stay {n}");
        }
    }
}

/// Tiers, the cap of 300,000, and none for aided persons.
#[test]
fn residents_critical_illness_tiers_and_cap() {
    // 700,350 at level 3: the pool pays its 150,000; 550,350 are left
    // 16,000 × 60 % + 16,000 × (65 + 70 + 75 + 80 + 85) % + 446,350 × 90 % = 471,315
    // with 4,000 more in the first tier and 5 points: 20,000 × 65 % + 16,000 × (70 + … + 90) % + 446,350 × 95 %
    for (identity, pays) in [("", "300000"), ("2303", "501032.50")] {
        let mut world = World::new(shipped("hainan-resident")).filing("06");
        if !identity.is_empty() {
            world = world.identity(identity);
        }
        let p = world.price(&stay("V1", "H3", "2025-03-01", "2025-03-09").line("A", "700350").claim());
        assert_eq!(paid(&p, "pool"), yuan("150000"));
        assert_eq!(payment(&p, "illness").base, yuan("550350"));
        assert_eq!(paid(&p, "illness"), yuan(pays), "{identity}");
    }
}

#[test]
fn residents_outpatients_and_chronic_disease() {
    // (visits of level 1 with 1,000 in scope: kind, disease; what each is paid), person of 64 years
    let cases: [&[(&str, &str, &str)]; 4] = [
        &[("11", "", "665"), ("11", "", "35"), ("13", "", "0")],
        &[("14", "I10.x00", "400"), ("14", "I10.x00", "0")],
        &[("14", "I10.x00", "400"), ("9901", "E11.900", "300"), ("14", "N18.900", "800")],
        &[("14", "E11.900", "600"), ("14", "I10.x00", "100")],
    ];
    for visits in cases {
        let mut world = World::new(shipped("hainan-resident"));
        for (n, (kind, disease, funds)) in visits.iter().enumerate() {
            let on = format!("2025-0{}-01", n + 1);
            let bill = visit(&format!("V{n}"), "H1", &on).med_type(kind).disease(disease).line("A", "1000");
            assert_eq!(world.settle(&bill.claim()).amounts.hifp, yuan(funds), "{visits:?}, {n}");
        }
    }
    // below 60 years the outpatient cap is 500
    let mut world = World::new(shipped("hainan-resident"));
    world.file.person.birth = day("1980-01-01");
    assert_eq!(world.price(&visit("V1", "H1", "2025-03-01").line("A", "1000").claim()).amounts.funds, yuan("500"));
}
