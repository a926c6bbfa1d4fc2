//! The layouts through reader and writer, and what is said of bad files.

use super::*;
use chrono::NaiveDate;
use dingan_core::codes::*;
use dingan_core::money::{Money, Rate};

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
            let rows =
                ["admdvs,poolarea_no,begndate,enddate", "x,460000,2020-01-01,", "", "", "\"x", "y\",1,1,1", "x,1,1,1"];
            let read = read_areas("a.csv", format!("{}{last}", rows.join(end)).as_bytes());
            assert_eq!(places(&read), [(2, "admdvs"), (5, "admdvs"), (7, "admdvs")], "{end:?} {last:?}");
        }
    }
}

#[test]
fn headers() {
    // a byte order mark, blanks, capitals, an unknown column, a blank line, lines with CR
    let text = "\u{feff}ADMDVS, poolarea_no ,begndate,enddate,memo\r\n\r\n469026,460000,2020-01-01,,\"x\"\r\n,,,,\r\nx,460000,2020-01-01,,\r\n";
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
