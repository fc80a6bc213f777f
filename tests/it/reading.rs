//! How the programs read files as people write them.

use std::path::PathBuf;

use encoding_rs::WINDOWS_1252;
use personas::Timestamp;

use super::programs::personas_program::{csv_file, dates, events, numbers, problems};
use csv_file::{CsvTable, Source};
use dates::Dates;
use events::{Layout, Reading, Rows};
use numbers::{Decimal, number};
use problems::Problems;

fn file(name: &str, content: impl AsRef<[u8]>) -> Source {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    Source::File(path)
}

fn table(name: &str, content: impl AsRef<[u8]>) -> CsvTable {
    CsvTable::read(&[file(name, content)], None, |_| true).unwrap()
}

fn cells_of<'t>(table: &'t CsvTable, name: &str) -> Vec<Option<&'t str>> {
    table.column(name).unwrap().iter().collect()
}

fn texts(cells: &[&str]) -> super::programs::personas_program::texts::Texts {
    let mut texts = super::programs::personas_program::texts::Texts::new("column");
    cells.iter().for_each(|cell| texts.push(cell));
    texts
}

#[test]
fn a_number_is_read_with_its_currency_groups_and_sign() {
    for (text, value) in [
        ("12.5", 12.5),
        ("1,234.50", 1234.5),
        ("$1,234,567", 1_234_567.0),
        ("-3", -3.0),
        ("(12.50)", -12.5),
        ("€ 9", 9.0),
        ("9.00 EUR", 9.0),
        ("1'234.50 CHF", 1234.5),
        ("\u{2212}5", -5.0),
        ("3-", -3.0),
        (".5", 0.5),
        ("+7", 7.0),
        ("1.5e-3", 0.0015),
        ("-$5", -5.0),
        ("$-5.00", -5.0),
        ("USD 1,000", 1000.0),
        ("12eur", 12.0),
        ("US$ 7", 7.0),
        ("R$ 7.5", 7.5),
        ("12.5 %", 12.5),
        ("12 345", 12_345.0),
    ] {
        assert_eq!(number(text, Decimal::Point), Some(value), "{text}");
    }
    for (text, value) in [
        ("1.234,50", 1234.5),
        ("1 234,50 €", 1234.5),
        ("1\u{a0}234,5", 1234.5),
        ("0,99", 0.99),
        ("12", 12.0),
        ("99 kr", 99.0),
    ] {
        assert_eq!(number(text, Decimal::Comma), Some(value), "{text}");
    }
    for text in ["", "-", "abc", "1,23", "12,3456", "1.2.3", "1e999", "--3", "12 apples", "1,,234"]
    {
        assert_eq!(number(text, Decimal::Point), None, "{text}");
    }
}

#[test]
fn ranges_codes_and_words_with_digits_are_no_numbers() {
    for text in [
        "25-34",
        "35-49K",
        "65+K",
        "65+",
        "12345-6789",
        "2024-01",
        "1-2",
        "A-12",
        "Q1",
        "A12",
        "B7",
        "S 12",
        "10 AM",
        "4 5",
        "12 34 56",
        "+49 170 1234567",
        "TOP 10",
        "v2",
        "3D",
        "-5-",
        "(-5)",
        "$5 EUR",
        "%5",
        "5 % EUR",
        "12h",
    ] {
        assert_eq!(number(text, Decimal::Point), None, "{text}");
        assert_eq!(number(text, Decimal::Comma), None, "{text}");
    }
}

#[test]
fn a_column_says_itself_what_stands_before_its_decimals() {
    assert_eq!(Decimal::of(&texts(&["1.234,50", "3"]), b','), Decimal::Comma);
    assert_eq!(Decimal::of(&texts(&["1,234.50", "3"]), b';'), Decimal::Point);
    assert_eq!(Decimal::of(&texts(&["0.99", "1.234"]), b';'), Decimal::Point);
    assert_eq!(Decimal::of(&texts(&["0,99", "1,234"]), b','), Decimal::Comma);
    // No cell decides: files with semicolons come from places with decimal commas.
    assert_eq!(Decimal::of(&texts(&["1,234"]), b';'), Decimal::Comma);
    assert_eq!(Decimal::of(&texts(&["1,234"]), b','), Decimal::Point);
}

#[test]
fn a_column_says_itself_how_its_dates_are_written() {
    let at = |cells: &[&str]| {
        let dates = Dates::of(&texts(cells)).unwrap();
        let (at, offset) = dates.read(cells[0]).unwrap();
        (at.to_string(), offset)
    };
    let utc = |text: &str| (text.to_owned(), None);
    assert_eq!(at(&["31/12/2024 18:05"]), utc("2024-12-31T18:05:00Z"));
    assert_eq!(at(&["12/31/2024"]), utc("2024-12-31T00:00:00Z"));
    assert_eq!(at(&["3.1.2024", "31.1.2024"]), utc("2024-01-03T00:00:00Z"));
    assert_eq!(at(&["12/1/10 8:26", "12/13/10 9:01"]), utc("2010-12-01T08:26:00Z"));
    assert_eq!(at(&["19970101"]), utc("1997-01-01T00:00:00Z"));
    assert_eq!(at(&["1483228800"]), utc("2017-01-01T00:00:00Z"));
    assert_eq!(at(&["1483228800000"]), utc("2017-01-01T00:00:00Z"));
    let local = at(&["2017-01-01T07:30:27-05:00"]);
    assert_eq!(local, ("2017-01-01T12:30:27Z".to_owned(), Some(-300)));
}

#[test]
fn dates_that_can_be_read_in_two_ways_are_an_error_that_names_both() {
    let error = Dates::of(&texts(&["01/02/2024", "03/04/2024"])).unwrap_err();
    assert!(error.contains("%d/%m/%Y") && error.contains("%m/%d/%Y"), "{error}");
    assert!(error.contains("--date-format"), "{error}");
    // The same day both ways is no contradiction.
    assert!(Dates::of(&texts(&["05/05/2024"])).is_ok());
}

#[test]
fn marks_semicolons_short_rows_and_other_encodings_are_read() {
    let plain = table("plain.csv", "\u{feff}a;b;c\n1;2;3\n4;5\n\n");
    assert_eq!((plain.delimiter, plain.n_padded), (b';', 1));
    assert_eq!(cells_of(&plain, "a"), [Some("1"), Some("4")]);
    assert_eq!(cells_of(&plain, "c"), [Some("3"), None]);

    let (bytes, _, _) = WINDOWS_1252.encode("city,n\nKöln,1\nRom,2\n");
    let old = table("windows.csv", &bytes);
    assert_eq!((cells_of(&old, "city"), old.n_windows), (vec![Some("Köln"), Some("Rom")], 1));

    let wide: Vec<u8> = "\u{feff}city\nKöln\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(cells_of(&table("wide.csv", &wide), "city"), [Some("Köln")]);
}

#[test]
fn a_row_with_cells_beyond_the_header_is_skipped_and_a_repeated_one_is_counted() {
    let table = table("long.csv", "a,b\n1,2\n1,2,3\n1,2,,\n1,2\n");
    assert_eq!((&table.lines, &table.too_long), (&vec![2, 4, 5], &vec![3]));
    assert_eq!(table.n_repeated, 1);
    assert_eq!(Problems::of(&table).share(), 0.25);
}

#[test]
fn rows_without_a_value_are_counted_and_blank_lines_are_no_rows() {
    let table = table("hollow.csv", "a,b\r\n1,2\r\n\r\n,\r\n3,4\r\n , \r\n\"\",\"\"\r\n");
    assert_eq!((&table.lines, &table.empty), (&vec![2, 5], &vec![4, 6, 7]));
    let problems = Problems::of(&table);
    // Nothing is lost with them.
    assert_eq!((problems.count(), problems.share()), (3, 0.0));
    assert_eq!(problems.to_string(), "3 rows: all cells are empty (lines 4, 6, 7)");
}

#[test]
fn columns_that_nobody_named_never_cost_a_row() {
    let content = "when,who,paid,note\n2024-01-01,a,5,\"x\n\"\n2024-01-02,b,6,NaN\n";
    let rows = Rows::events(&[file("notes.csv", content)], &layout(), &Reading::default()).unwrap();
    assert_eq!((rows.lines.len(), rows.problems.count()), (2, 0));
    assert_eq!(rows.at[1], Timestamp::parse("2024-01-02").unwrap());
}

#[test]
fn several_files_are_one_and_must_have_the_same_columns() {
    let one = file("one_of_two.csv", "when,who,paid\n2024-01-01,a,5\n");
    let two = file("two_of_two.csv", "paid;who;when\n6;b;2024-01-02\n");
    let rows = Rows::events(&[one.clone(), two], &layout(), &Reading::default()).unwrap();
    assert_eq!(rows.numbers[0].1, [5.0, 6.0]);
    let other = file("other.csv", "when,whom,paid\n2024-01-01,a,5\n");
    let error = Rows::events(&[one, other], &layout(), &Reading::default()).unwrap_err();
    assert!(error.contains("not those of the first file"), "{error}");
}

#[test]
fn na_is_a_region_and_a_missing_amount_unless_said_otherwise() {
    let content = "when,who,paid,region\n2024-01-01,a,NA,NA\n2024-01-02,b,6,EU\n";
    let layout = Layout { category: Some("region".into()), ..layout() };
    let source = file("region.csv", content);
    let read =
        |reading: &Reading| Rows::events(std::slice::from_ref(&source), &layout, reading).unwrap();
    let regions =
        |rows: &Rows| rows.texts[0].iter().map(|t| t.map(str::to_owned)).collect::<Vec<_>>();
    let rows = read(&Reading::default());
    assert!(rows.numbers[0].1[0].is_nan());
    assert_eq!(regions(&rows), [Some("NA".to_owned()), Some("EU".to_owned())]);
    let missing = Reading { missing: vec!["NA".into()], ..Reading::default() };
    assert_eq!(regions(&read(&missing)), [None, Some("EU".to_owned())]);
}

#[test]
fn an_amount_is_the_price_times_the_quantity_where_one_is_named() {
    let content = "when,who,paid,n\n2024-01-01,a,\"2,50\",4\n2024-01-02,b,\"1.000,00\",-1\n";
    let layout = Layout { quantity: Some("n".into()), ..layout() };
    let rows = Rows::events(&[file("n.csv", content)], &layout, &Reading::default()).unwrap();
    assert_eq!(rows.numbers[0].1, [10.0, -1000.0]);
}

fn layout() -> Layout {
    Layout {
        time: "when".into(),
        ids: vec!["who".parse().unwrap()],
        amount: "paid".into(),
        ..Layout::default()
    }
}
