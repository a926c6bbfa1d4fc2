//! The layouts through reader and writer, and what is said of bad files.

use super::*;
use crate::sample::Rng;
use chrono::{Days, NaiveDate, NaiveDateTime};
use dingan_core::bundle::*;
use dingan_core::claim::*;
use dingan_core::codes::*;
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::money::{Money, Price, Quantity, Rate};
use dingan_core::person::{DatedIdentity, Filing, Person, Relation};

const HEADER: &str = "psn_no,psn_cert_type,certno,psn_name,gend,naty,brdy,insutype,psn_type,insuplc_admdvs,psn_insu_date,paus_insu_date,cvlserv_flag,clct_years,emp_name,balc,psn_idet_type,begntime,endtime,biz_appy_type,filing_begndate,filing_enddate,filing_dise_codg,mulaid_acct,mulaid_balc";

fn persons(rows: &str) -> Read<PersonImport> {
    read_persons("p.csv", format!("{HEADER}\n{rows}").as_bytes())
}

/// Problems as (row, column), warnings left out.
fn places<T>(read: &Read<T>) -> Vec<(u64, &str)> {
    read.problems.iter().filter(|p| !p.warning).map(|p| (p.row, p.column.as_str())).collect()
}

const FIRST: &str = "A1,01,X1,样例甲,1,01,1980/1/2,310,11,469026,20150101,,1,12,样例单位,12.30,2303,2020-01-01,,01,2021-01-01,2029-12-31,M03900,F1,7";

#[test]
fn several_rows_make_one_person() {
    let read = persons(&format!(
        "{FIRST}\nB2,01,X2,样例乙,2,,1990-02-03,390,15,469026,2015-01-01,,,,,,,,,,,,,,\nA1,,,,,,,390,15,469026,2010-01-01,2014-12-31,,,,,2304,2021-01-01,2021-12-31,08,2022-01-01,,,,\n{FIRST}\n"
    ));
    assert_eq!(read.problems, []);
    let [a, b] = read.rows.as_slice() else { panic!("{:?}", read.rows) };
    assert_eq!((a.person.relations.len(), a.person.identities.len(), a.person.filings.len()), (2, 2, 2));
    assert_eq!((a.own_balance, a.family_balance), (Some(Money::fen(1230)), Some(Money::yuan(7))));
    assert_eq!(a.person.family_account.as_deref(), Some("F1"));
    assert!(a.person.relations[0].civil_servant && a.person.relations[0].contribution_years == Some(12));
    assert_eq!(a.person.birth, NaiveDate::from_ymd_opt(1980, 1, 2).unwrap());
    assert_eq!((b.own_balance, b.person.sex, b.person.relations.len()), (None, Sex::Female, 1));
}

#[test]
fn bad_rows_are_told_by_row_and_column_and_the_good_ones_stay() {
    let rows = [
        FIRST,
        // not a date; certificate missing; unknown sex; relation without a division; end before begin
        "B1,01,X,样例,1,,1990-13-01,390,15,469026,2015-01-01,,,,,,,,,,,,,,",
        "B2,01,,样例,1,,1990-01-01,390,15,469026,2015-01-01,,,,,,,,,,,,,,",
        "B3,01,X,样例,男,,1990-01-01,390,15,469026,2015-01-01,,,,,,,,,,,,,,",
        "B4,01,X,样例,1,,1990-01-01,390,15,46902,2015-01-01,,,,,,,,,,,,,,",
        "B5,01,X,样例,1,,1990-01-01,390,15,469026,2015-01-01,2014-01-01,,,,,,,,,,,,,",
        // a person told about twice in two ways; a part without its leading column; a balance of three decimals
        "A1,,X9,,,,,,,,,,,,,,,,,,,,,,",
        "A1,,,,,,,,15,,,,,,,,,,,,,,,,",
        "A1,,,,,,,,,,,,,,,1.234,,,,,,,,,",
        "A1,,,,,,,,,,,,,,,99,,,,,,,,,",
        "A1,,,,,,,,,,,,,,,,,,,,,,,F1,5",
        "4.60025E+17,01,X,样例,1,,1990-01-01,,,,,,,,,,,,,,,,,,",
        "too,few",
        "C1,01,X3,样例丙,2,,1991-01-01,390,15,469026,2015-01-01,,,,,,,,,,,,,,",
    ];
    let read = persons(&rows.join("\n"));
    let expected = [
        (3, "brdy"),
        (4, "certno"),
        (5, "gend"),
        (6, "insuplc_admdvs"),
        (7, "paus_insu_date"),
        (8, "certno"),
        (9, "insutype"),
        (10, "balc"),
        (11, "balc"),
        (12, "mulaid_balc"),
        (13, "psn_no"),
        (14, ""),
    ];
    assert_eq!(places(&read), expected);
    assert!(read.problems.iter().all(|p| p.file == "p.csv"));
    assert_eq!(read.rows.iter().map(|p| p.person.no.as_str()).collect::<Vec<_>>(), ["A1", "C1"]);
    // no cell is repeated
    let said: String = read.problems.iter().map(|p| p.to_string()).collect();
    for cell in ["1990-13-01", "男", "46902:", "1.234", "X9", "样例", "E+17", "too"] {
        assert!(!said.contains(cell), "{cell} in {said}");
    }
}

#[test]
fn rows_are_counted_as_an_editor_counts_them() {
    for end in ["\n", "\r\n"] {
        for last in ["", end] {
            let rows = ["admdvs,poolarea_no,begndate,enddate", "x,460000,2020-01-01,", "", "", "\"x", "y\",1,1,1", "x,1,1,1"];
            let read = read_areas("a.csv", format!("{}{last}", rows.join(end)).as_bytes());
            assert_eq!(places(&read), [(2, "admdvs"), (5, "admdvs"), (7, "admdvs")], "{end:?} {last:?}");
        }
    }
}

#[test]
fn headers() {
    // a byte order mark, blanks, capitals, an unknown column, a blank line, lines with CR
    let text = "\u{feff}ADMDVS, poolarea_no ,begndate,enddate,memo\r\n\r\n469026,460000,2020-01-01,,x\r\n,,,,\r\nx,460000,2020-01-01,,\r\n";
    let read = read_areas("a.csv", text.as_bytes());
    assert_eq!(read.rows.len(), 1);
    assert_eq!(places(&read), [(5, "admdvs")]);
    let warnings: Vec<_> = read.problems.iter().filter(|p| p.warning).map(|p| (p.row, p.column.as_str())).collect();
    assert_eq!(warnings, [(1, "memo")]);

    let read = read_areas("a.csv", "admdvs,admdvs,begndate\n1,2,3".as_bytes());
    assert_eq!(places(&read), [(1, "admdvs"), (1, "poolarea_no"), (1, "enddate")]);
    assert_eq!(places(&read_areas("a.csv", "".as_bytes())), [(0, "")]);
    let read = read_areas("a.csv", "admdvs;poolarea_no;begndate;enddate\n".as_bytes());
    assert!(read.problems.iter().any(|p| p.reason.contains("commas")), "{:?}", read.problems);
    // a file without a header: nothing of its first row is repeated
    let read = read_persons("p.csv", FIRST.as_bytes());
    let said: String = read.problems.iter().map(|p| p.to_string()).collect();
    assert!(read.has_errors() && !said.contains("a1") && !said.contains("样例"), "{said}");
}

#[test]
fn other_encodings_are_named() {
    let header = b"fixmedins_code,prac_psn_code,begndate,enddate,prac_psn_type\n";
    let row = |name: &[u8]| [b"H46902600001,", name, b",2020-01-01,,1\n"].concat();
    // 样例 in GBK; a cut-off character of UTF-8 between good rows
    let gbk = [&header[..], &row(b"D1"), &row(b"\xD1\xF9\xC0\xFD"), &row(b"D2")].concat();
    let read = read_practitioners("x.csv", gbk.as_slice());
    assert_eq!((read.rows.len(), places(&read)), (1, vec![(3, "")]));
    assert!(read.problems[0].reason.contains("GBK") && read.problems[0].reason.contains("save the file as UTF-8"));
    let cut = [&header[..], &row("样例".as_bytes().get(..5).unwrap()), &row(b"D2")].concat();
    let read = read_practitioners("x.csv", cut.as_slice());
    assert_eq!((read.rows.len(), places(&read)), (1, vec![(2, "")]));
    assert!(!read.problems[0].reason.contains("GBK"));
    let utf16: Vec<u8> = "\u{feff}psn_no".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(read_areas("x.csv", utf16.as_slice()).problems[0].reason.contains("UTF-16"));
}

#[test]
fn an_open_quote_does_not_swallow_the_file() {
    let mut text = String::from("admdvs,poolarea_no,begndate,enddate\n469026,460000,2020-01-01,\n\"");
    text.extend(std::iter::repeat_n("469026,460000,2020-01-01,\n", 20_000));
    let read = read_areas("a.csv", text.as_bytes());
    assert_eq!(read.rows.len(), 1);
    assert!(read.problems[0].reason.contains("quotation mark"), "{:?}", read.problems);
}

#[test]
fn problems_are_bounded() {
    let mut text = String::from("admdvs,poolarea_no,begndate,enddate\n");
    text.extend(std::iter::repeat_n("x,460000,2020-01-01,\n", MAX_PROBLEMS + 50));
    let read = read_areas("a.csv", text.as_bytes());
    assert_eq!(read.problems.len(), MAX_PROBLEMS + 1);
    assert!(read.problems[MAX_PROBLEMS].reason.starts_with("50 further"));
}

#[test]
fn the_catalogue_is_told_by_its_header() {
    let items = "hilist_code,hilist_name,begndate,enddate,list_type,med_chrgitm_type,chrgitm_lv,lmt_used_flag,vali_flag\nX1,药,20200101,,101,09,2,1,1\nX2,药,20200101,,101,09,02,1,0\nX3,药,20200101,,101,09,04,1,1\n";
    let read = read_catalogue("c.csv", items.as_bytes());
    assert!(matches!(&read.rows[..], [CatalogueRow::Item(i)] if i.class == ItemClass::B && i.restricted));
    assert_eq!(places(&read), [(4, "chrgitm_lv")]);
    let limits = "hilist_code,hilist_lmtpric_type,hilist_pric_uplmt_amt,begndate,enddate\nX1,03,12.5,2020-01-01,\nX1,05,1,2020-01-01,\nX1,01,-1,2020-01-01,\n";
    let read = read_catalogue("c.csv", limits.as_bytes());
    assert!(matches!(&read.rows[..], [CatalogueRow::Limit(l)] if l.level == Level::Three));
    assert_eq!(places(&read), [(3, "hilist_lmtpric_type"), (4, "hilist_pric_uplmt_amt")]);
    let ratios = "hilist_code,selfpay_prop_psn_type,selfpay_prop_type,selfpay_prop,begndate,enddate,pric_from\nX1,99,10,0.1,2020-01-01,,\nX1,99,10,1.1,2020-01-01,,\n";
    let read = read_catalogue("c.csv", ratios.as_bytes());
    assert!(matches!(&read.rows[..], [CatalogueRow::Ratio(r)] if r.ratio == Rate::from_units(100_000)));
    assert_eq!(places(&read), [(3, "selfpay_prop")]);
    assert!(read_catalogue("c.csv", "hilist_code\nX1\n".as_bytes()).problems[0].reason.contains("1312"));
}

#[test]
fn only_hospitals_need_levels() {
    let header = "fixmedins_code,fixmedins_name,begndate,enddate,fixmedins_type,hosp_lv,lmtpric_hosp_lv,dedc_hosp_lv,fix_blng_admdvs\n";
    let rows = "P1,样例药房,2020-01-01,,2,,,,469026\nH1,样例医院,2020-01-01,,1,,2,2,469026\nH2,样例医院,2020-01-01,,1,5,,2,469026\nH3,样例医院,2020-01-01,,1,05,2,2,469026\n";
    let read = read_institutions("i.csv", format!("{header}{rows}").as_bytes());
    assert_eq!(places(&read), [(3, "hosp_lv"), (4, "lmtpric_hosp_lv")]);
    assert_eq!(read.rows.iter().map(|i| i.hosp_lv.as_str()).collect::<Vec<_>>(), ["", "5"]);
}

/// Random rows of every layout.
struct Any(Rng);

impl Any {
    fn word(&mut self) -> String {
        let letters = ["a", "Z", "7", "药", "例", "-", "_", "(", "\"", ",", "'", "é"];
        (0..self.0.between(1, 9)).map(|_| *self.0.pick(&letters).unwrap()).collect()
    }
    fn code(&mut self) -> String {
        format!("K{}", self.0.below(1_000_000))
    }
    fn maybe(&mut self, text: String) -> String {
        if self.0.percent(50) { text } else { String::new() }
    }
    fn day(&mut self) -> NaiveDate {
        NaiveDate::from_ymd_opt(1900, 1, 1).unwrap() + Days::new(self.0.below(60_000) as u64)
    }
    fn range(&mut self) -> (NaiveDate, Option<NaiveDate>) {
        let begin = self.day();
        let end = begin + Days::new(self.0.below(9_000) as u64);
        (begin, self.0.percent(50).then_some(end))
    }
    fn period(&mut self) -> Period {
        let (begin, end) = self.range();
        Period { begin, end }
    }
    fn time(&mut self) -> NaiveDateTime {
        self.day().and_hms_opt(self.0.below(24) as u32, self.0.below(60) as u32, self.0.below(60) as u32).unwrap()
    }
    fn division(&mut self) -> String {
        format!("{:06}", self.0.below(1_000_000))
    }
    fn level(&mut self) -> Level {
        *self.0.pick(&[Level::One, Level::Two, Level::Three]).unwrap()
    }
    fn quantity(&mut self) -> Quantity {
        Quantity::from_units(self.0.between(1, Quantity::MAX_UNITS))
    }
    fn some_quantity(&mut self) -> Option<Quantity> {
        self.0.percent(50).then(|| self.quantity())
    }

    fn person(&mut self, i: usize) -> PersonImport {
        let mut relations: Vec<Relation> = (0..self.0.below(4)).map(|_| self.relation()).collect();
        relations.dedup_by(|a, b| a.insurance == b.insurance && a.begin == b.begin && a.division == b.division);
        let family = self.0.percent(30);
        let mut identities: Vec<DatedIdentity> = Vec::new();
        for _ in 0..self.0.below(3) {
            let (begin, end) = self.range();
            let identity = format!("{}", 2301 + identities.len());
            identities.push(DatedIdentity { identity: identity.into(), begin, end });
        }
        let mut filings: Vec<Filing> = Vec::new();
        for _ in 0..self.0.below(3) {
            let (begin, end) = self.range();
            let disease = self.code();
            filings.push(Filing { kind: "01".into(), disease: self.maybe(disease).into(), begin, end });
        }
        let naty = self.maybe("01".into());
        PersonImport {
            person: Person {
                no: format!("N{i}").into(),
                cert_type: "01".into(),
                cert_no: self.code(),
                name: self.word(),
                sex: *self.0.pick(&[Sex::Unknown, Sex::Male, Sex::Female]).unwrap(),
                ethnicity: naty,
                birth: self.day(),
                relations,
                identities,
                filings,
                family_account: family.then(|| "F1".to_owned()),
            },
            own_balance: self.0.percent(50).then(|| Money::fen(self.0.between(0, Money::MAX_UNITS))),
            family_balance: (family && self.0.percent(50)).then(|| Money::fen(self.0.between(0, 999_999))),
        }
    }

    fn relation(&mut self) -> Relation {
        let (begin, end) = self.range();
        let employer = self.word();
        Relation {
            insurance: (*self.0.pick(&["310", "390", "510"]).unwrap()).into(),
            person_type: "11".into(),
            division: self.division().into(),
            begin,
            end,
            civil_servant: self.0.percent(50),
            contribution_years: self.0.percent(50).then(|| self.0.between(0, 99)),
            employer: self.maybe(employer),
        }
    }

    fn line(&mut self, i: usize) -> Line {
        let (quantity, price) = (self.quantity(), Price::from_units(self.0.between(0, Price::MAX_UNITS)));
        let refund = self.0.percent(20);
        let (a, b, c, d) = (self.code(), self.code(), self.code(), self.code());
        Line {
            no: format!("{}", i + 1).into(),
            refund_of: refund.then(|| "1".into()),
            batch: self.maybe(a),
            order_no: self.maybe(b),
            time: self.time(),
            item: self.code().into(),
            hospital_item: self.maybe(c),
            amount: Money::fen(self.0.between(-Money::MAX_UNITS, Money::MAX_UNITS)),
            quantity: if refund { -quantity } else { quantity },
            price,
            supply_days: self.some_quantity(),
            department: self.maybe(d),
            practitioner: self.code().into(),
            approval: *self.0.pick(&[Approval::NotNeeded, Approval::Approved, Approval::Refused]).unwrap(),
            take_home: self.0.percent(20),
            more: self.0.percent(30).then(|| Box::new(serde_json::json!({"memo": self.word(), "comb_no": "1"}))),
        }
    }

    fn claim(&mut self) -> Claim {
        let begin = self.time();
        let ids: Vec<String> = (0..6).map(|_| self.code()).collect();
        let diagnoses = (0..self.0.below(4)).map(|i| Diagnosis {
            code: self.code().into(),
            name: self.word(),
            main: i == 0,
            order: i as u16 + 1,
            at_discharge: self.0.percent(50),
        });
        let diagnoses: Vec<Diagnosis> = diagnoses.collect();
        let lines = 1 + self.0.below(6);
        Claim {
            visit: Visit {
                id: ids[0].as_str().into(),
                person: ids[1].as_str().into(),
                institution: ids[2].as_str().into(),
                insurance: "310".into(),
                med_type: (*self.0.pick(&["11", "2101", "9901"]).unwrap()).into(),
                begin,
                end: self.0.percent(50).then(|| begin + Days::new(3)),
                disease: self.maybe(ids[3].clone()).into(),
                diagnoses,
                department: self.maybe(ids[4].clone()),
                bed: self.maybe("3-12".into()),
                discharge_way: self.maybe("1".into()),
                death: self.0.percent(10).then(|| self.day()),
                referred_from: self.0.percent(10).then(|| ids[5].as_str().into()),
                third_party_share: Rate::from_units(if self.0.percent(10) { self.0.between(1, 1_000_000) } else { 0 }),
            },
            lines: (0..lines).map(|i| self.line(i)).collect(),
            request: SettleRequest {
                time: self.time(),
                account_use: *self.0.pick(&[AccountUse::None, AccountUse::Own, AccountUse::Family]).unwrap(),
                mid_stay: self.0.percent(20),
                by_quota: self.0.percent(20),
            },
        }
    }
}

/// Writes rows and holds what is read back against them.
macro_rules! round_trip {
    ($rows:expr, $write:ident, $read:ident) => {{
        let rows = $rows;
        let mut text = Vec::new();
        $write(&mut text, &rows).unwrap();
        let read = $read("f.csv", text.as_slice());
        assert_eq!(read.problems, [], "{}", String::from_utf8_lossy(&text));
        assert_eq!(read.rows, rows, "{}", String::from_utf8_lossy(&text));
    }};
    ($rows:expr, $write:ident, $variant:path) => {{
        let rows = $rows;
        let mut text = Vec::new();
        $write(&mut text, &rows).unwrap();
        let read = read_catalogue("f.csv", text.as_slice());
        assert_eq!(read.problems, []);
        assert_eq!(read.rows, rows.into_iter().map($variant).collect::<Vec<_>>());
    }};
}

fn many<T>(any: &mut Any, make: impl Fn(&mut Any, usize) -> T) -> Vec<T> {
    (0..any.0.below(12)).map(|i| make(any, i)).collect()
}

#[test]
fn what_is_written_reads_back_the_same() {
    for seed in 0..300 {
        let mut any = Any(Rng::new(&[seed]));
        round_trip!(many(&mut any, Any::person), write_persons, read_persons);
        let areas = many(&mut any, |a, _| AreaRow {
            division: a.division().into(),
            insurance: a.maybe("310".into()).into(),
            pool: a.division().into(),
            period: a.period(),
        });
        round_trip!(areas, write_areas, read_areas);
        let institutions = many(&mut any, |a, _| {
            let (code, uscc) = (a.code(), a.code());
            Institution {
                code: code.into(),
                name: a.word(),
                period: a.period(),
                kind: a.0.between(1, 5).to_string(),
                medins_type: a.maybe("A1".into()),
                hosp_lv: a.0.between(1, 14).to_string(),
                price_level: a.level(),
                deductible_level: a.level(),
                division: a.division().into(),
                uscc: a.maybe(uscc),
                clearing_way: a.maybe("40".into()),
            }
        });
        round_trip!(institutions, write_institutions, read_institutions);
        let practitioners = many(&mut any, |a, _| Practitioner {
            code: a.code().into(),
            institution: a.code().into(),
            period: a.period(),
            kind: a.maybe("1".into()),
        });
        round_trip!(practitioners, write_practitioners, read_practitioners);
        let knowledge = many(&mut any, |a, _| {
            let (other, source) = (a.code(), a.word());
            KnowledgeRow {
                table: a.code(),
                item: a.code().into(),
                other: a.maybe(other).into(),
                number: a.some_quantity(),
                word: a.maybe("day".into()),
                source: a.maybe(source),
            }
        });
        round_trip!(knowledge, write_knowledge, read_knowledge);
        let items = many(&mut any, |a, _| CatalogueItem {
            code: a.code().into(),
            name: a.word(),
            period: a.period(),
            list_type: "101".into(),
            charge_type: "09".into(),
            class: *a.0.pick(&[ItemClass::A, ItemClass::B, ItemClass::C]).unwrap(),
            restricted: a.0.percent(50),
            max_per_day: a.some_quantity(),
            max_per_stay: a.some_quantity(),
            drug_group: a.maybe("glp-1".into()),
        });
        round_trip!(items, write_items, CatalogueRow::Item);
        let limits = many(&mut any, |a, _| PriceLimit {
            code: a.code().into(),
            level: a.level(),
            period: a.period(),
            limit: Price::from_units(a.0.between(0, Price::MAX_UNITS)),
        });
        round_trip!(limits, write_limits, CatalogueRow::Limit);
        let ratios = many(&mut any, |a, _| SelfPayRatio {
            code: a.code().into(),
            person_type: "99".into(),
            ratio_type: "10".into(),
            period: a.period(),
            ratio: Rate::from_units(a.0.between(0, 1_000_000)),
            from_price: a.0.percent(50).then(|| Price::from_units(a.0.between(0, Price::MAX_UNITS))),
        });
        round_trip!(ratios, write_ratios, CatalogueRow::Ratio);
    }
}

#[test]
fn claims_written_read_back_the_same() {
    for seed in 0..300 {
        let mut any = Any(Rng::new(&[seed, 9]));
        let events: Vec<FileEvent> = many(&mut any, |a, i| {
            let settlement = SettlementId::from(format!("S{i}"));
            if a.0.percent(20) {
                let of = SettlementId::from(a.code());
                FileEvent::Reversal { settlement, of, person: a.code().into(), time: a.time() }
            } else {
                FileEvent::Claim { settlement, claim: a.claim() }
            }
        });
        let mut text = Vec::new();
        for e in &events {
            write_event(&mut text, e).unwrap();
        }
        let read: Vec<FileEvent> = Claims::new("c.ndjson", text.as_slice()).map(Result::unwrap).collect();
        assert_eq!(read, events);
    }
}
