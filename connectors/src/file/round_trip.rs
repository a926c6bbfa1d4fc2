//! Random rows of every layout, written and read back.

use super::*;
use crate::sample::Rng;
use chrono::{Days, NaiveDate, NaiveDateTime};
use dingan_core::bundle::*;
use dingan_core::claim::*;
use dingan_core::codes::*;
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::money::{Money, Price, Quantity, Rate};
use dingan_core::person::{Contribution, DatedIdentity, Filing, Pause, PauseKind, Person, Relation};

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
            let (id, area, institution) = (self.code(), self.division(), self.code());
            filings.push(Filing {
                kind: "01".into(),
                disease: self.maybe(disease).into(),
                begin,
                end,
                id: self.maybe(id),
                insurance: self.maybe("310".into()).into(),
                area: self.maybe(area).into(),
                institution: self.maybe(institution).into(),
                made: self.0.percent(50).then(|| self.day()),
                third_party_share: Rate::from_units(if self.0.percent(20) { self.0.between(1, 1_000_000) } else { 0 }),
            });
        }
        let mut pauses: Vec<Pause> = Vec::new();
        let mut contributions: Vec<Contribution> = Vec::new();
        if self.0.percent(20) {
            let (begin, end) = self.range();
            let kind = *self.0.pick(&[PauseKind::Waiting, PauseKind::Suspended]).unwrap();
            pauses.push(Pause { insurance: "310".into(), kind, begin, end });
            contributions.push(Contribution { insurance: "390".into(), begin, years: self.0.between(0, 99) });
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
                pauses,
                contributions,
                death: self.0.percent(10).then(|| self.day()),
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
            more: if self.0.percent(30) {
                let fields = [("memo", self.word()), ("comb_no", "1".to_owned())];
                Further::of(fields.map(|(k, v)| (k.to_owned(), v.into())).into_iter().collect())
            } else {
                None
            },
        }
    }

    fn maybe_time(&mut self) -> Option<NaiveDateTime> {
        self.0.percent(30).then(|| self.time())
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
        let mut diagnoses: Vec<Diagnosis> = diagnoses.collect();
        // as a visit keeps them: admission first, each list in its own order
        diagnoses.sort_by_key(|d| (d.at_discharge, d.order));
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
                insured_at: self.maybe("460091".into()).into(),
                circumstances: Circumstances {
                    emergency: self.0.percent(20),
                    injury: self.0.percent(20),
                    third_party: self.0.percent(20),
                    birth: self.maybe("3".into()),
                    birth_control: self.maybe("1".into()),
                },
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
                consortium: a.maybe("YGT1".into()),
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
            let (other, source, name) = (a.code(), a.word(), a.word());
            KnowledgeRow {
                table: a.code(),
                item: a.code().into(),
                other: a.maybe(other).into(),
                number: a.some_quantity(),
                word: a.maybe("day".into()),
                ranges: vec!["E11".into(), "C00-C97".into()],
                names: vec![name.clone()],
                name: a.maybe(name),
                source: a.maybe(source),
                ..KnowledgeRow::default()
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
            area: a.maybe("460000".into()).into(),
        });
        round_trip!(items, write_items, CatalogueRow::Item);
        let limits = many(&mut any, |a, _| PriceLimit {
            code: a.code().into(),
            level: a.level(),
            period: a.period(),
            limit: Price::from_units(a.0.between(0, Price::MAX_UNITS)),
            over_way: a.maybe("2".into()),
            area: a.maybe("460000".into()).into(),
        });
        round_trip!(limits, write_limits, CatalogueRow::Limit);
        let ratios = many(&mut any, |a, _| SelfPayRatio {
            code: a.code().into(),
            person_type: "99".into(),
            ratio_type: "10".into(),
            period: a.period(),
            ratio: Rate::from_units(a.0.between(0, 1_000_000)),
            from_price: a.0.percent(50).then(|| Price::from_units(a.0.between(0, Price::MAX_UNITS))),
            area: a.maybe("460000".into()).into(),
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
                FileEvent::Reversal { settlement, of, person: a.code().into(), time: a.time(), known: a.maybe_time() }
            } else if a.0.percent(20) {
                FileEvent::Visit { visit: a.claim().visit, known: a.maybe_time() }
            } else {
                FileEvent::Claim { settlement, claim: a.claim(), known: a.maybe_time() }
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
