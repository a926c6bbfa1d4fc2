//! Reading what is published, and what is damaged. The published lists are read where they lie beside the
//! repository, and counted against themselves by a counter that shares nothing with the readers.

use super::*;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

fn reader() -> Reader {
    Reader::new(None, Diagnoses::built_in().unwrap()).unwrap()
}

/// A workbook of sheets of rows of cells; a cell that begins with `#` is a number.
pub(super) fn workbook(sheets: &[(&str, &[&[&str]])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let mut part = |name: &str, text: String| {
        zip.start_file(name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    };
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    part(
        "[Content_Types].xml",
        format!(
            "{head}<Types xmlns=\"{package}/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>"
        ),
    );
    let root = "<Relationship Id=\"rId1\" Type=\"OFFICE/officeDocument\" Target=\"xl/workbook.xml\"/>"
        .replace("OFFICE", office);
    part("_rels/.rels", format!("{head}<Relationships xmlns=\"{package}/relationships\">{root}</Relationships>"));
    let (mut list, mut links) = (String::new(), String::new());
    for (n, (name, _)) in (1..).zip(sheets) {
        list.push_str(&format!("<sheet name=\"{name}\" sheetId=\"{n}\" r:id=\"rId{n}\"/>"));
        links.push_str(&format!(
            "<Relationship Id=\"rId{n}\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"
        ));
    }
    part(
        "xl/workbook.xml",
        format!("{head}<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets>{list}</sheets></workbook>"),
    );
    part(
        "xl/_rels/workbook.xml.rels",
        format!("{head}<Relationships xmlns=\"{package}/relationships\">{links}</Relationships>"),
    );
    for (n, (_, rows)) in (1..).zip(sheets) {
        let mut data = String::new();
        for (r, row) in (1..).zip(*rows) {
            data.push_str(&format!("<row r=\"{r}\">"));
            for (c, cell) in ('A'..).zip(*row) {
                match cell.strip_prefix('#') {
                    _ if cell.is_empty() => {}
                    Some(number) => data.push_str(&format!("<c r=\"{c}{r}\"><v>{number}</v></c>")),
                    None => data.push_str(&format!("<c r=\"{c}{r}\" t=\"inlineStr\"><is><t>{cell}</t></is></c>")),
                }
            }
            data.push_str("</row>");
        }
        part(
            &format!("xl/worksheets/sheet{n}.xml"),
            format!("{head}<worksheet xmlns=\"{main}\"><sheetData>{data}</sheetData></worksheet>"),
        );
    }
    zip.finish().unwrap().into_inner()
}

fn said(read: &Read<KnowledgeRow>) -> Vec<String> {
    read.problems.iter().map(ToString::to_string).collect()
}

const DRUGS: &[&[&str]] = &[
    &["药品通用名", "药品说明", "限定类型", "限定对象"],
    &["甲片", "说明", "限定性别对象", "男"],
    &["乙片", "说明", "限定性别对象", "不明"],
    &["丙片", "说明", "限定性别对象", "女"],
    &["丁片", "说明", "限定别的什么", "女"],
];
const CODES: &[&[&str]] = &[
    &["药品通用名", "序号", "药品代码", "限定类型"],
    &["甲片", "#1", "XA01", "限定性别对象"],
    &["甲片", "#2", "XA02", "限定性别对象"],
    &["甲片", "#3", "XA02", "限定性别对象"],
    &["乙片", "#1", "XA03", "限定性别对象"],
    &["戊片", "#1", "XA05", "限定性别对象"],
    &["甲片", "#4", "#1234", "限定性别对象"],
    &["甲片", "#5", "XA 06", "限定性别对象"],
];

#[test]
fn points_and_codes_of_two_sheets_and_every_bad_row_named() {
    let read = reader().read("/x/【第二批】表.xlsx", &workbook(&[("一", DRUGS), ("二", CODES)]));
    let [row] = &read.rows[..] else { panic!("{read:?}") };
    assert_eq!((row.table.as_str(), row.word.as_str(), row.batch), ("drug-sex", "male", 2));
    assert_eq!(row.items().map(ItemCode::as_str).collect::<Vec<_>>(), ["XA01", "XA02"]);
    assert_eq!((row.source.as_str(), row.text.as_str()), ("【第二批】表.xlsx!一:2", "说明"));
    let f = "/x/【第二批】表.xlsx";
    assert_eq!(
        said(&read),
        [
            format!("{f}!二:7: `药品代码`: a number where a text is meant; keep the column as text"),
            format!("{f}!二:8: `药品代码`: holds a blank"),
            format!("{f}!一:3: `限定对象`: not one of 女, 男"),
            format!("{f}!一:4: `药品通用名`: no code of this name stands in the sheet of codes"),
            format!("{f}!一:5: `限定类型`: no list of this kind is known; add one to the layouts"),
            format!("{f}!二:6: `药品通用名`: no point of the list has this name; the code was left out"),
        ]
    );
}

#[test]
fn a_list_in_other_words_needs_a_layout_and_no_code() {
    let rows: &[&[&str]] = &[&["耗材名称", "耗材代码", "限定类型", "限定值域"], &["甲管", "C01", "限定次数", "三次"]];
    let book = workbook(&[("一", rows)]);
    assert!(reader().read("x.xlsx", &book).rows.is_empty());
    let entry = "\n[[list]]\nkind = \"限定次数\"\ntable = \"material-max\"\nvalue = { \"三次\" = { number = 3 } }\n";
    let text = include_str!("layouts.toml").replacen("\n# Points given one by one", &format!("{entry}\n# Points"), 1);
    let own = Reader::new(Some(&text), Diagnoses::default()).unwrap();
    let read = own.read("x.xlsx", &book);
    assert_eq!(said(&read), Vec::<String>::new());
    assert_eq!(
        read.rows.first().map(|r| (r.table.as_str(), r.number)),
        Some(("material-max", Some(3_i64.into_quantity())))
    );
}

/// Short for tests.
trait IntoQuantity {
    fn into_quantity(self) -> dingan_core::money::Quantity;
}
impl IntoQuantity for i64 {
    fn into_quantity(self) -> dingan_core::money::Quantity {
        dingan_core::money::Quantity::whole(self)
    }
}

#[test]
fn what_is_damaged_is_told_and_gives_nothing() {
    let whole = workbook(&[("一", DRUGS), ("二", CODES)]);
    let r = reader();
    // cut short at every length, and with a byte turned at every tenth: never a panic, and never rows without a word
    for end in (0..whole.len()).step_by(97) {
        let read = r.read("x.xlsx", &whole[..end]);
        assert!(read.rows.is_empty() && read.has_errors(), "cut at {end}");
    }
    for at in (4..whole.len()).step_by(10) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let _ = r.read("x.xlsx", &bytes);
    }
    assert!(r.read("x.xls", &[0xD0, 0xCF, 0x11, 0xE0, 0, 0]).has_errors());
    assert!(r.read("x.json", b"[{\"kp_id\": ").has_errors());
    let noise = workbook(&[("一", &[&["随便", "什么"], &["没有", "表头"]])]);
    assert!(said(&r.read("x.xlsx", &noise))[0].contains("no header of a known list"));
}

#[test]
fn a_bomb_does_not_go_off() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("xl/worksheets/sheet1.xml", options).unwrap();
    let block = vec![b' '; 1 << 20];
    for _ in 0..300 {
        zip.write_all(&block).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    assert!(bytes.len() < 1 << 20, "the bomb is small: {}", bytes.len());
    assert!(said(&reader().read("x.xlsx", &bytes))[0].contains("unpacks to more than"));
    // one cell in the last row and column asks for no rectangle
    let far = workbook(&[("一", &[&["药品通用名", "药品代码"]])]);
    assert!(reader().read("x.xlsx", &far).rows.is_empty());
}

#[test]
fn points_of_json_one_by_one() {
    let text = r#"[
        {"kp_id": "KP-1", "rule_class": "药品限二线使用", "med_codes": ["XA01", "XA02"], "item_name": "甲片",
         "constraint": "限2型糖尿病患者的二线用药。", "batch": 9, "published_at": "2026-04-21", "supersedes": "KP-0",
         "source": {"attachment_file": "第九批.xlsx", "row": 7, "pdf_page": null}},
        {"kp_id": "KP-2", "rule_class": "没有的规则", "med_codes": ["XA01"]},
        {"kp_id": "KP-3", "rule_class": "药品限工伤保险", "med_codes": []},
        {"kp_id": "KP-4", "rule_class": "药品限工伤保险", "med_codes": ["X A"]},
        {"kp_id": "KP-5", "rule_class": "药品限工伤保险", "med_codes": "XA01"},
        {"kp_id": "KP-6", "rule_class": "药品区分性别使用", "med_codes": ["XA01"], "constraint": "无"},
        7
    ]"#;
    let read = reader().read("p.json", text.as_bytes());
    let [row] = &read.rows[..] else { panic!("{read:?}") };
    assert_eq!((row.id.as_str(), row.table.as_str(), row.confirmed), ("KP-1", "drug-second-line", false));
    assert_eq!((row.ranges.as_slice(), row.supersedes.as_slice()), (&["E11".to_owned()][..], &["KP-0".to_owned()][..]));
    assert_eq!((row.batch, row.source.as_str()), (9, "第九批.xlsx:7"));
    assert_eq!(
        said(&read),
        [
            "p.json:2: `rule_class`: no table is known for this rule; add one to the layouts",
            "p.json:3: `med_codes`: no code",
            "p.json:4: `med_codes`: holds a blank",
            "p.json:5: `med_codes`: missing, or not of the kind a point has",
            "p.json:6: `constraint`: the text does not name one sex",
            "p.json:7: missing, or not of the kind a point has",
        ]
    );
}

/// `shared/data` beside the repository or above it; none, loudly, where it is not there, which CI does not accept.
fn shared_data() -> Option<PathBuf> {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let found = here.ancestors().map(|a| a.join("shared/data/two-libraries")).find(|p| p.is_dir());
    if found.is_none() {
        assert!(std::env::var("CI").is_err(), "CI must have ../shared/data beside the repository");
        // to the handle itself, since what a passing test prints is captured
        let said = b"SKIPPED: shared/data/two-libraries is not beside the repository; no published list was read\n";
        std::io::stderr().write_all(said).unwrap();
    }
    found
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    list.retain(|p| p.extension().is_some_and(|e| e == ending));
    list.sort();
    list
}

/// Rows and distinct codes of a workbook, counted from its cells without the layouts: rows below the header
/// whose list of points is the first sheet, and codes wherever a cell looks like one.
fn count_by_hand(bytes: &[u8]) -> (usize, usize) {
    use calamine::{Data, DataType, Reader as _, Xlsx};
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let mut codes = HashSet::new();
    let mut points = 0;
    for (n, name) in book.sheet_names().into_iter().enumerate() {
        let range = book.worksheet_range(&name).unwrap();
        for row in range.rows().skip(1) {
            let text = |c: &Data| c.get_string().map(str::trim).unwrap_or_default().to_owned();
            let cells: Vec<String> = row.iter().map(text).collect();
            let found = cells.iter().filter(|c| c.len() >= 10 && c.bytes().all(|b| b.is_ascii_alphanumeric()));
            let before = codes.len();
            codes.extend(found.cloned());
            let any_code = codes.len() > before || cells.iter().any(|c| codes.contains(c));
            let filled = cells.iter().filter(|c| !c.is_empty()).count();
            let footer = cells.iter().any(|c| c.starts_with("合计") || c.starts_with("备注："));
            points += usize::from(n == 0 && filled > 1 && !footer && (any_code || filled >= 4));
        }
    }
    (points, codes.len())
}

#[test]
fn the_published_lists_are_read_whole() {
    let Some(folder) = shared_data() else { return };
    let r = reader();
    let workbooks = files(&folder.join("official"), "xlsx");
    assert_eq!(workbooks.len(), 12);
    let mut ids = HashSet::new();
    for path in &workbooks {
        let bytes = std::fs::read(path).unwrap();
        let name = path.display().to_string();
        let read = r.read(&name, &bytes);
        assert_eq!(said(&read), Vec::<String>::new(), "{name}");
        let (points, codes) = count_by_hand(&bytes);
        // intervals said beside a course are points of their own
        let own = read.rows.iter().filter(|p| p.table != "period-max").count();
        let of_rows: HashSet<&str> = read
            .rows
            .iter()
            .flat_map(|p| p.items().chain([&p.other]))
            .map(ItemCode::as_str)
            .filter(|c| !c.is_empty())
            .collect();
        assert_eq!((own, of_rows.len()), (points, codes), "{name}");
        assert!(read.rows.iter().all(|p| p.batch > 0 && ids.insert(p.id.clone())), "{name}: every point its own id");
    }
    for path in files(&folder.join("points"), "json") {
        let bytes = std::fs::read(&path).unwrap();
        let read = r.read(&path.display().to_string(), &bytes);
        assert_eq!(said(&read), Vec::<String>::new());
        let list: Vec<serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
        let count: usize = list.iter().map(|p| p["med_code_count"].as_u64().unwrap() as usize).sum();
        assert_eq!((read.rows.len(), read.rows.iter().map(|p| p.items().count()).sum::<usize>()), (list.len(), count));
    }
}
