//! The programs under `examples/`, from their options to what they print.

// Every program brings its own copy of the files it shares, and a `main` that nothing here calls.
#![allow(clippy::duplicate_mod, clippy::unwrap_used, dead_code)]

#[path = "../../examples/cluster.rs"]
mod cluster;
#[path = "../../examples/features.rs"]
mod features_program;
#[path = "../../examples/outliers.rs"]
mod outliers;
#[path = "../../examples/personas.rs"]
pub(crate) mod personas_program;

use std::io::Write;

use clap::Parser;
use flate2::{Compression, write::GzEncoder};
use personas::ndarray::{Array2, array};
use serde_json::{Value, json};

/// A file of this content; every test names its own.
fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn matrix(text: impl AsRef<[u8]>, drop: &[&str]) -> Result<Array2<f64>, String> {
    let drop: Vec<String> = drop.iter().map(ToString::to_string).collect();
    cluster::matrix::parse(text.as_ref(), &drop)
}

fn run_cluster(options: &[&str]) -> Result<Value, String> {
    let options = cluster::Options::try_parse_from([&["cluster"], options].concat());
    let options = options.map_err(|error| error.to_string())?;
    let text = cluster::run(&options).map_err(|error| error.to_string())?;
    Ok(serde_json::from_str(&text).unwrap())
}

fn run_outliers(options: &[&str]) -> Result<Value, String> {
    let options = outliers::Options::try_parse_from([&["outliers"], options].concat());
    let options = options.map_err(|error| error.to_string())?;
    let text = outliers::run(&options).map_err(|error| error.to_string())?;
    Ok(serde_json::from_str(&text).unwrap())
}

fn run_personas(options: &[&str]) -> Result<String, String> {
    let options = personas_program::Options::try_parse_from([&["personas"], options].concat());
    let options = options.map_err(|error| error.to_string())?;
    personas_program::run(&options).map_err(|error| error.to_string())
}

fn run_features(options: &[&str]) -> Result<(String, String), String> {
    let options = features_program::Options::try_parse_from([&["features"], options].concat());
    let options = options.map_err(|error| error.to_string())?;
    features_program::run(&options).map_err(|error| error.to_string())
}

#[test]
fn features_makes_a_row_per_person_of_calls_and_says_what_became_of_them() {
    let (table, notes) = run_features(&["--funnel", "Product Added, Order Completed"]).unwrap();
    assert_eq!(table.lines().count(), 1 + 6);
    let ingest = "74 accepted, 1 duplicate, 1 without local time, 1 refused";
    assert!(notes.starts_with(ingest), "{notes}");
    assert!(notes.lines().any(|line| line.starts_with("Order Completed")), "{notes}");

    let set = file("set.json", r#"[{"name": "calls, all", "measure": "count"}]"#);
    let line = r#"{"type":"page","userId":"7","timestamp":"2017-03-01T17:00:00Z"}"#;
    let calls = file("calls.jsonl.gz", gzip(&format!("{line}\n{line}\n")));
    let (table, _) = run_features(&[&calls, "--features", &set]).unwrap();
    assert_eq!(table.lines().next(), Some("profile,\"calls, all\""));
    assert!(table.ends_with(",2\n"), "{table}");

    let nonsense = file("nonsense.json", r#"[{"name": "n", "measure": "cuont"}]"#);
    for bad in [
        &["no such file"][..],
        &[&file("empty.jsonl", "")],
        &[&file("bytes.jsonl", [0xff, 0, 0xfe])],
        &["--features", &nonsense],
        &["--as-of", "soon"],
        &["--funnel", ","],
    ] {
        assert!(run_features(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_matrix_is_read_with_any_delimiter_with_and_without_a_header() {
    for text in [
        "1,2\n3,4\n",
        "1,2\r\n3,4",
        "a,b\n1,2\n3,4\n",
        "\u{feff}a;b\n 1; 2\n\n3;4\n  \n",
        "a\tb\n1\t2\n3\t4\n",
        "1\t2\t\n3\t4\t\n",
        "   1.0e0     2\n 3   4",
        "\"a, b\",\"say \"\"c\"\"\"\n\"1\",2\n3,\" 4 \"\n",
        "2019,name\n1,2\n3,4\n",
    ] {
        assert_eq!(matrix(text, &[]), Ok(array![[1.0, 2.0], [3.0, 4.0]]), "{text:?}");
    }
    assert_eq!(matrix("5", &[]), Ok(array![[5.0]]));
    assert_eq!(matrix(",x\n0,1\n", &[]), Ok(array![[0.0, 1.0]]));
}

#[test]
fn columns_are_dropped_by_name_or_without_a_header_by_number() {
    let named = "id,x,city name,y\na,1,\"Paris, FR\",2\n";
    assert_eq!(matrix(named, &["city name", "id"]), Ok(array![[1.0, 2.0]]));
    let unnamed = "5.1,3.5,setosa\n4.9,3.0,setosa\n";
    assert_eq!(matrix(unnamed, &["2"]), Ok(array![[5.1, 3.5], [4.9, 3.0]]));
    // Words beside numbers above the same: a header only for somebody who says so.
    let years = "country,2019,2020\nFrance,1,2\n";
    assert_eq!(matrix(years, &["country"]), Ok(array![[1.0, 2.0]]));
}

#[test]
fn what_is_wrong_with_a_matrix_is_said_with_its_place() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("", &[], "the file is empty"),
        (" \n\n", &[], "the file is empty"),
        ("a,b\n", &[], "there is a header, but no row below it"),
        (
            "id,amount\n1,2\n\n3,abc\n",
            &[],
            "line 4, column 2 (\"amount\"): \"abc\" is not a number",
        ),
        ("1,2\n3,\n", &[], "line 2, column 2: the value is missing"),
        ("1,NA\n3,4\n", &[], "line 1, column 2: \"NA\" is not a number"),
        ("1,2\n3,NaN\n", &[], "line 2, column 2: \"NaN\" is not a finite number"),
        ("1,2\n-inf,3\n", &[], "line 2, column 1: \"-inf\" is not a finite number"),
        ("1,1e400\n", &[], "line 1, column 2: \"1e400\" is not a finite number"),
        ("1;2\n1;2,5\n", &[], "line 2, column 2: \"2,5\" is not a number; decimals need a point"),
        ("1,2\n3\n", &[], "line 2: expected 2 values as in the first line, found 1"),
        ("1 2\n3 4 5\n", &[], "line 2: expected 2 values as in the first line, found 3"),
        (
            "a,b\nx,y\n",
            &[],
            "line 2: no column holds numbers; column 1 (\"a\"): \"x\" is not a number",
        ),
        (
            "id,my city,x\nk1,Rome,2\n",
            &[],
            "line 2: text, not numbers, in column 1 (\"id\"), column 2 (\"my city\"); \
             leave out with --drop id --drop 'my city'",
        ),
        (
            "5.1,setosa\n4.9,setosa\n",
            &[],
            "line 1: text, not numbers, in column 2; \
             leave out with --drop 1, or if the first line is a header, --drop setosa",
        ),
        ("a,b\n1,2\n", &["c"], "there is no column \"c\" to drop, only \"a\", \"b\""),
        ("1,2\n", &["x"], "there is no header, so --drop takes a number from 0 to 1, not \"x\""),
        ("a,b\n1,2\n", &["a", "b"], "no column is left"),
    ];
    for (text, drop, expected) in cases {
        assert_eq!(matrix(text, drop), Err(expected.to_string()), "{text:?}");
    }
    assert!(matrix(b"\xff\xfea\0", &[]).unwrap_err().contains("UTF-16"));
    let long = matrix(format!("1\n{}\n", "x".repeat(1000)), &[]).unwrap_err();
    assert!(long.len() < 100, "{long}");
}

#[test]
fn a_gzipped_matrix_is_known_by_its_bytes_may_have_members_and_must_be_whole() {
    let read = |path: &str| cluster::matrix::read(path.as_ref(), &[]);
    let members = [gzip("a,b\n1,2"), gzip("5\n3,4\n")].concat();
    assert_eq!(read(&file("members.csv", &members)), Ok(array![[1.0, 25.0], [3.0, 4.0]]));
    let cut = read(&file("cut.csv.gz", &members[..members.len() - 9])).unwrap_err();
    assert!(cut.contains("cut.csv.gz: cannot read after line"), "{cut}");
    let absent = read("/no/such/file.csv").unwrap_err();
    assert!(absent.starts_with("/no/such/file.csv: "), "{absent}");
}

#[test]
fn outliers_prints_a_score_per_row_and_the_seconds() {
    let path = file("far.csv", "x,label\n1,0\n2,0\n3,0\n4,0\n1000,1\n");
    for method in [
        &["isolation-forest", "--seed", "7", "--trees", "50", "--samples", "5"][..],
        &["lof", "--neighbors", "2"],
    ] {
        let options = [&[&path, "--drop", "label", "--repeat", "3", "--method"], method].concat();
        let json = run_outliers(&options).unwrap();
        let scores: Vec<f64> = serde_json::from_value(json["scores"].clone()).unwrap();
        assert_eq!(scores.len(), 5);
        assert!(scores[..4].iter().all(|score| *score < scores[4]), "{scores:?}");
        assert!(json["seconds"].as_f64().unwrap() >= 0.0);
    }
}

#[test]
fn an_option_of_another_method_is_an_error_that_names_it() {
    let path = file("foreign.csv", "1\n2\n3\n");
    let outliers = run_outliers(&[&path, "--method", "lof", "--trees", "5", "--seed", "1"]);
    assert_eq!(
        outliers.unwrap_err(),
        "--method lof does not take --trees (for isolation-forest) and --seed (for isolation-forest)"
    );
    let cluster = run_cluster(&[&path, "--method", "kmeans", "--k", "2", "--eps", "1"]);
    assert_eq!(cluster.unwrap_err(), "--method kmeans does not take --eps (for dbscan)");
}

#[test]
fn settings_out_of_range_are_errors_of_the_library_or_the_options() {
    let path = file("range.csv", "1\n2\n3\n");
    let check = |options: &[&str], needle: &str| {
        let error = run_outliers(&[&[&path[..]], options].concat()).unwrap_err();
        assert!(error.contains(needle), "{options:?}: {error}");
    };
    check(&["--method", "lof", "--neighbors", "0"], "n_neighbors");
    check(&["--method", "lof", "--repeat", "0"], "--repeat");
    check(&["--method", "isolation-forest", "--trees", "0"], "n_trees");
    check(&["--method", "isolation-forest", "--samples", "-1"], "--samples");
    check(&["--method", "magic"], "isolation-forest, lof");
}

/// Two pairs of points, and one far from all.
const PAIRS: &str = "x,y\n0,0\n0,1\n10,10\n10,11\n50,50\n";

#[test]
fn cluster_prints_labels_with_null_for_noise_and_what_the_method_knows() {
    let path = file("pairs.csv", PAIRS);
    let kmeans = run_cluster(&[&path, "--method", "kmeans", "--k", "3", "--seed", "7"]).unwrap();
    assert_eq!(kmeans["labels"], json!([0, 0, 1, 1, 2]));
    assert_eq!((&kmeans["inertia"], &kmeans["converged"]), (&json!(1.0), &json!(true)));

    let ward = ["--method", "agglomerative", "--k", "3"];
    let single = ["--method", "agglomerative", "--linkage", "single", "--cut-at", "1.0"];
    for options in [ward.as_slice(), single.as_slice()] {
        let tree = run_cluster(&[&[&path[..]], options].concat()).unwrap();
        assert_eq!(tree["labels"], json!([0, 0, 1, 1, 2]), "{options:?}");
        assert_eq!(tree.get("inertia"), None);
        assert_eq!(tree["silhouette"], kmeans["silhouette"]);
    }

    let dbscan = ["--method", "dbscan", "--eps", "1", "--min-samples", "2", "--repeat", "2"];
    let dbscan = run_cluster(&[&[&path[..]], &dbscan[..]].concat()).unwrap();
    assert_eq!(dbscan["labels"], json!([0, 0, 1, 1, null]));
    assert_eq!(dbscan["n_clusters"], json!(2));
    assert!(dbscan["seconds"].as_f64().unwrap() >= 0.0);
}

#[test]
fn a_silhouette_that_is_not_defined_is_null() {
    let path = file("undefined.csv", PAIRS);
    let one = run_cluster(&[&path, "--method", "kmeans", "--k", "1"]).unwrap();
    let hdbscan = ["--method", "hdbscan", "--min-cluster-size", "2", "--min-samples", "2"];
    let hdbscan = run_cluster(&[&[&path[..]], &hdbscan[..]].concat()).unwrap();
    assert_eq!(hdbscan["labels"], json!([0, 0, 1, 1, null]));
    assert_eq!(hdbscan["strengths"], json!([1.0, 1.0, 1.0, 1.0, 0.0]));
    assert_eq!(hdbscan["persistence"].as_array().unwrap().len(), 2);
    assert!((-1.0..=1.0).contains(&hdbscan["dbcv"].as_f64().unwrap()));
    let noise = ["--method", "dbscan", "--eps", "0.5", "--min-samples", "2"];
    let noise = run_cluster(&[&[&path[..]], &noise[..]].concat()).unwrap();
    for json in [one, noise] {
        assert_eq!(json["silhouette"], Value::Null);
        assert_eq!(json.get("silhouette_se"), None);
    }
}

#[test]
fn kmeans_starts_from_given_centroids() {
    let path = file("start.csv", PAIRS);
    let centroids = file("centroids.txt", "0 0\n20 20\n");
    let json = run_cluster(&[&path, "--method", "kmeans", "--init", &centroids]).unwrap();
    assert_eq!(json["n_clusters"], json!(2));
    let narrow = file("narrow.txt", "0\n20\n");
    assert!(run_cluster(&[&path, "--method", "kmeans", "--init", &narrow]).is_err());
}

#[test]
fn impossible_clusterings_are_refused_with_the_reason() {
    let path = file("impossible.csv", PAIRS);
    let check = |options: &[&str], needle: &str| {
        let error = run_cluster(&[&[&path[..]], options].concat()).unwrap_err();
        assert!(error.contains(needle), "{options:?}: {error}");
    };
    check(&["--method", "kmeans"], "needs --k or --init");
    check(&["--method", "kmeans", "--k", "0"], "k must be");
    check(&["--method", "kmeans", "--k", "6"], "5");
    check(&["--method", "kmeans", "--k", "2", "--tol", "nan"], "tol");
    check(&["--method", "agglomerative"], "needs --k or --cut-at");
    check(&["--method", "agglomerative", "--k", "2", "--cut-at", "1"], "exclude each other");
    check(&["--method", "agglomerative", "--cut-at", "-1"], "-1");
    check(&["--method", "dbscan", "--eps", "1"], "needs --eps and --min-samples");
    check(&["--method", "hdbscan"], "needs --min-cluster-size");
    check(&["--method", "hdbscan", "--min-cluster-size", "1"], "min_cluster_size");
    check(&["--method", "dbscan", "--eps", "-1", "--min-samples", "2"], "eps");
}

/// Sixty customers; the second half buys three times as often, and more at a time.
fn sales() -> String {
    let mut text = String::from("when,what,customer,mail,total,shelf\n");
    for customer in 0..60 {
        let (n_visits, total) = if customer < 30 { (3, 5) } else { (9, 20) };
        for visit in 0..n_visits {
            let day = 1 + (customer * 7 + visit * 3) % 28;
            let (month, total) = (1 + visit, total + customer % 5);
            text += &format!("2024-{month:02}-{day:02},sale,{customer},");
            text +=
                &format!("P{customer}@shop.com,{total}.50,{}\n", ["toys", "food"][customer % 2]);
        }
    }
    text
}

const SALES: [&str; 10] = [
    "--time",
    "when",
    "--event",
    "what",
    "--id",
    "customer",
    "--id",
    "email=mail",
    "--amount",
    "total",
];

#[test]
fn personas_reads_own_files_and_prints_the_same_twice() {
    let events = file("sales.csv.gz", gzip(&sales()));
    let ages = (0..61).map(|customer| format!("p{customer}@SHOP.com,{}\n", 20 + customer % 3));
    let people = file("customers.csv", String::from("mail,age\n") + &ages.collect::<String>());
    let own = [
        "--events",
        &events,
        "--people",
        &people,
        "--people-id",
        "email=mail",
        "--category",
        "shelf",
    ];
    let options = [&own[..], &SALES[..], &["--k", "2"]].concat();
    let report = run_personas(&options).unwrap();
    for part in [
        "360 events of 60 people from ",
        ", up to 2024-09-",
        "Of the people's file, skipped 1 row: no events (line 62).",
        "2 personas, as asked by --k",
        "(30 people, 50%; stability ",
        "not used for grouping, the personas explain: age",
    ] {
        assert!(report.contains(part), "{part:?} is not in:\n{report}");
    }
    assert_eq!(run_personas(&options).unwrap(), report);
}

fn written(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    path.to_str().unwrap().to_owned()
}

#[test]
fn personas_writes_members_a_page_and_a_model_that_places_people_again() {
    let events = file("kept.csv", sales());
    let [out, html, model, again] =
        ["out.csv", "page.html", "model.json", "again.csv"].map(written);
    let run = |extra: &[&str]| run_personas(&[&["--events", &events], &SALES[..], extra].concat());
    run(&["--out", &out, "--html", &html, "--save", &model]).unwrap();
    let members = std::fs::read_to_string(&out).unwrap();
    let mut lines = members.lines();
    assert_eq!(lines.next(), Some("person,persona,margin,runner_up,reasons"));
    // Customer 0 is a placeholder, so that person is known by the e-mail address.
    let is_named = |line: &str| line.starts_with("customer ") || line.starts_with("email p0@");
    assert!(lines.clone().count() == 60 && lines.all(is_named), "{members}");
    assert!(std::fs::read_to_string(&html).unwrap().starts_with("<!DOCTYPE html>"));

    // The model puts the same people where they were, with columns it knows.
    run(&["--apply", &model, "--out", &again]).unwrap();
    assert_eq!(std::fs::read_to_string(&again).unwrap(), members);
    let since = run(&["--compare-with", &model]).unwrap();
    assert!(since.contains("is now “"), "{since}");
    let told: Value = serde_json::from_str(&run(&["--json"]).unwrap()).unwrap();
    assert_eq!(told["people"], 60);
    assert!(told["personas"].as_array().unwrap().len() >= 2);
    assert!(!told["evidence"]["reason"].as_str().unwrap().is_empty());

    let applied = run(&["--apply", &model]).unwrap();
    for part in [
        "The sentences tell of the 60 people the model was made from",
        "when the model was made)",
        "In every column, these people are much like those the model was made from.",
    ] {
        assert!(applied.contains(part), "{part:?} is not in:\n{applied}");
    }

    assert!(run(&["--apply", &events]).unwrap_err().contains("kept.csv"));
    assert!(run(&["--apply", &model, "--k", "2"]).unwrap_err().contains("--k"));
    assert!(run(&["--html", "/nowhere/page.html"]).unwrap_err().contains("/nowhere"));
}

#[test]
fn personas_applied_to_other_people_names_what_moved_and_what_they_lack() {
    let row = |i: usize, price: usize| {
        format!("{},{},{}\n", i % 40 + i / 40 * price, i * 7 % 40, 1 + i % 3)
    };
    let rows = |price: usize| (0..80).map(|i| row(i, price)).collect::<String>();
    let before = file("before.csv", String::from("spend,visits,\n") + &rows(500));
    let model = written("before.json");
    let report = run_personas(&["--table", &before, "--save", &model]).unwrap();
    assert!(report.contains("80 people from before.csv"), "{report}");
    let flat: String = (0..80).map(|i| format!("{},0,{}\n", 900 + i, 1 + i % 3)).collect();
    let after = file("after.csv", String::from("spend,visits,\n") + &flat);
    let page = written("after.html");
    let report = run_personas(&["--table", &after, "--apply", &model, "--html", &page]).unwrap();
    for part in [
        "Nobody has anything in visits, which the model was made with",
        "Moved a lot: spend: median 939.50, median ",
        "Where much has moved, make a new model",
    ] {
        let flowed = report.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flowed.contains(part), "{part:?} is not in:\n{report}");
    }
    assert!(std::fs::read_to_string(&page).unwrap().contains("the model was made from"));
    // Rows of one table are the same people for both models.
    let since = run_personas(&["--table", &before, "--compare-with", &model]).unwrap();
    assert!(since.contains("is now “"), "{since}");
    let other = file("other.csv", String::from("spend\n") + &"1\n2\n3\n".repeat(30));
    let error =
        run_personas(&["--table", &other, "--k", "2", "--compare-with", &model]).unwrap_err();
    assert!(error.contains("--compare-with") && error.contains("visits"), "{error}");
}

#[test]
fn personas_made_by_hand_are_compared_and_a_table_of_people_needs_no_events() {
    let row = |i: usize| {
        let (spend, country) = (i % 40 + i / 40 * 500, ["NO", "SE"][i % 2]);
        format!("{spend},{},{country},{}/0{}/2024\n", i * 7 % 40, 13 + i % 9, 1 + i / 40)
    };
    let rows: String = (0..80).map(row).collect();
    let table = file("people_rows.csv", String::from("spend,visits,country,joined\n") + &rows);
    let declared = file(
        "declared.json",
        r#"[{"name":"Gold","rules":[{"feature":"spend","condition":{"at_least":500.0}}]}]"#,
    );
    let report = run_personas(&["--table", &table, "--declared", &declared]).unwrap();
    assert!(report.contains("80 people from "), "{report}");
    let told = run_personas(&["--table", &table, "--json", "--declared", &declared]).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["comparison"]["declared"][0]["name"], "Gold");
    assert!(!told["comparison"]["discovered"].is_null());
    let features: Vec<&str> = told["importances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|importance| importance["feature"].as_str().unwrap())
        .collect();
    // Dates count in days; as texts, each would be a level of its own.
    assert!(features.contains(&"joined_days") && features.contains(&"country"), "{features:?}");
    assert!(report.contains("Gold: confirmed; 40 people fit it in full, 50%."), "{report}");
    let error = run_personas(&["--table", &table, "--keep-out", "nothing"]).unwrap_err();
    assert!(error.contains("nothing"), "{error}");
}

#[test]
fn bad_rows_are_skipped_and_shown_with_their_lines() {
    // Carriage returns, blank lines and a cell of two lines must not shift the count.
    let mut text = sales().replace('\n', "\r\n");
    let n_lines = text.lines().count();
    text += "soon,sale,1,,1.0,toys\r\n\r\n2024-01-01,sale,1,,much,toys\r\n";
    text += "2024-01-01,sale,,,1.0,toys\r\n2024-01-01,sale,1,,1.0,\"a\nb\"\r\n2024-01-01,sale\r\n";
    text += "2024-01-01,sale,1,,1e300,toys\r\n";
    let bad = file("bad.csv", text);
    let report = run_personas(&[&["--events", &bad], &SALES[..], &["--k", "2"]].concat()).unwrap();
    let skipped = report.split_whitespace().collect::<Vec<_>>().join(" ");
    for (reason, line, value) in [
        ("the time cannot be read", n_lines + 1, "; \"soon\" in column \"when\""),
        ("the amount is not a number", n_lines + 3, "; \"much\" in column \"total\""),
    ] {
        let said = format!("1 row: {reason} (line {line}{value})");
        assert!(skipped.contains(&said), "{said}:\n{report}");
    }
    // A row with too few cells is read, with the missing cells empty: here it has no identifier.
    let short = format!("2 rows: no identifier (lines {}, {}", n_lines + 4, n_lines + 7);
    assert!(skipped.contains(&short), "{short}:\n{report}");
    assert!(skipped.contains("1 row has fewer cells than the header"), "{report}");
}

#[test]
fn events_of_nobody_are_said_to_be_so() {
    let text = sales() + &"2024-01-01,sale,guest,,1.0,toys\n".repeat(3);
    let events = file("guests.csv", text);
    let run = |path: &str| run_personas(&[&["--events", path], &SALES[..], &["--k", "2"]].concat());
    let report = run(&events).unwrap();
    assert!(report.contains("3 events are nobody's: "), "{report}");
    assert!(report.contains("363 events of 60 people"), "{report}");
    assert!(!run(&file("no guests.csv", sales())).unwrap().contains("nobody's"));
}

#[test]
fn files_without_anything_to_read_are_errors() {
    let check = |name: &str, text: &str, extra: &[&str], needle: &str| {
        let path = file(name, text);
        let error = run_personas(&[&["--events", &path], &SALES[..], extra].concat()).unwrap_err();
        assert!(error.contains(needle), "{needle}: {error}");
    };
    let head = "when,what,customer,mail,total\n";
    check("nothing.csv", "", &[], "the file is empty");
    check("head.csv", head, &[], "no row is an event");
    check("notime.csv", &format!("{head}x,sale,1,,2\n"), &[], "the time cannot be read (line 2");
    check("nocol.csv", "when,what,customer,total\n", &[], "there is no column \"mail\", only");
    check("twice.csv", "when,what,customer,mail,mail\n", &[], "columns 4 and 5 are both named");
    check("one.csv", &format!("{head}2024-01-01,sale,1,,2\n"), &[], "at least 3 people");
    let few = format!("{head}2024-01-01,sale,1,,2\n2024-01-02,sale,2,,2\n2024-01-03,sale,3,,2\n");
    check("few.csv", &few, &["--as-of", "2023-01-01"], "at least 3 people");
    check("few.csv", &few, &["--order", "basket"], "there is no column \"basket\"");
    let people = file("people.csv", "card,age\n1,20\n");
    let card = ["--people", &people, "--people-id", "card"];
    check("few.csv", &few, &card, "write KIND=card");
    let nobody = ["--people", &people, "--people-id", "email=card"];
    check("few.csv", &few, &nobody, "no row is a person with events");
}

#[test]
fn people_who_are_all_alike_are_one_persona_or_an_error_but_never_groups() {
    let head = "when,customer,mail,total,shelf\n";
    let own = ["--time", "when", "--id", "customer", "--amount", "total", "--category", "shelf"];
    let check = |name: &str, rows: String| {
        let path = file(name, String::from(head) + &rows);
        run_personas(&[&["--events", &path], &own[..]].concat())
    };
    let alike = check("alike.csv", (0..9).map(|i| format!("2024-01-01,{i},,5,toys\n")).collect());
    assert!(alike.unwrap_err().contains("no columns that can be used"));
    // Two kinds of people, so two groups, however many were looked for.
    let kinds = (0..9).map(|i| format!("2024-01-01,{i},,{},toys\n", 5 + i % 2));
    let kinds = check("kinds.csv", kinds.collect()).unwrap();
    assert!(kinds.contains("\n  2. ") && !kinds.contains("\n  3. "), "{kinds}");
}

#[test]
fn more_personas_than_people_is_an_error_and_one_is_everybody() {
    let events = file("k.csv", sales());
    let run = |k: &str| run_personas(&[&["--events", &events], &SALES[..], &["--k", k]].concat());
    assert!(run("61").unwrap_err().contains("60"));
    assert!(run("0").unwrap_err().contains("k must be"));
    assert!(run("1").unwrap().contains("One persona is everybody"));
    // Of 60 people, some 38 are drawn again: still enough for 30 groups.
    let thirty = run("30").unwrap();
    let words = thirty.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("30 personas, as asked by --k")
            && words.contains("The number of personas was given."),
        "{thirty}"
    );
}

#[test]
fn options_of_own_files_need_each_other() {
    assert!(run_personas(&["--time", "when"]).unwrap_err().contains("--events"));
    assert!(run_personas(&["--events", "x.csv"]).unwrap_err().contains("--time"));
    assert!(run_personas(&["--as-of", "soon"]).unwrap_err().contains("not a time"));
}

/// A hundred people between two ends, as a table.
fn hundred(name: &str) -> String {
    let row = |i: usize| format!("{},{}\n", i * 37 % 101, i * 53 % 97);
    file(name, format!("spend,visits\n{}", (0..100).map(row).collect::<String>()))
}

#[test]
fn personas_tells_pure_types_and_niches_when_asked_and_shows_no_single_person_in_json() {
    let table = hundred("types.csv");
    let ask = ["--table", &table, "--k", "3", "--archetypes", "--niches"];
    let text = run_personas(&ask).unwrap();
    assert!(text.contains("pure types") && text.contains("Niches"), "{text}");
    let json = run_personas(&[&ask[..], &["--json"]].concat()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["archetypes"]["types"].as_array().unwrap().len() > 1);
    assert!(json["archetypes"].get("parts").is_none());
}

#[test]
fn personas_says_which_columns_change_by_themselves() {
    let text = run_personas(&["--k", "3"]).unwrap().replace("\n  ", " ");
    assert!(
        text.contains("recency_days and tenure_days change from day to day by themselves"),
        "{text}"
    );
    let text = run_personas(&["--k", "3", "--keep-out", "recency_days"]).unwrap();
    assert!(text.contains("tenure_days changes from day to day by itself"), "{text}");
}

#[test]
fn personas_groups_by_other_methods_when_asked() {
    let table = hundred("methods.csv");
    let text = run_personas(&["--table", &table, "--method", "ward", "--k", "4"]).unwrap();
    assert!(text.contains("4 personas"), "{text}");
    let refused =
        run_personas(&["--table", &table, "--method", "hdbscan", "--k", "4"]).unwrap_err();
    assert!(refused.contains("takes no --k"), "{refused}");
}

#[test]
fn a_table_counts_what_it_skips_and_what_is_no_number() {
    let row = |i: usize| match i {
        7 => "n/a?,1\n".to_owned(),
        8 => "1,2,3\n".to_owned(),
        i => format!("{},{}\n", i * 37 % 101, i * 53 % 97),
    };
    let rows: String = (0..100).map(row).collect();
    let table = file("bad_cells.csv", format!("spend,visits\n{rows}"));
    let text = run_personas(&["--table", &table, "--k", "3"]).unwrap();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("In column \"spend\", 1 value is not a number and counted as missing (line 9: \"n/a?\")."),
        "{text}"
    );
    assert!(words.contains("Skipped 1 row: more cells than the header has"), "{text}");
    assert!(words.contains("median spend"), "{text}");
}

#[test]
fn a_table_is_told_what_its_columns_are() {
    let row = |i: usize| format!("{},{},{},same\n", i + 1, 1 + i / 34, i * 53 % 97);
    let rows: String = (0..102).map(row).collect();
    let table = file("codes.csv", format!("customer,region,spend,shop\n{rows}"));
    let run = |more: &[&str]| run_personas(&[&["--table", &table, "--k", "3"], more].concat());
    let text = run(&["--categorical", "region"]).unwrap();
    assert!(text.contains("\"customer\" numbers the rows; --keep-out customer"), "{text}");
    assert!(text.contains("Not used for grouping: shop (always the same)."), "{text}");
    let text = run(&["--categorical", "region", "--keep-out", "customer"]).unwrap();
    assert!(text.contains("region 1") || text.contains("Region 1"), "{text}");
    assert!(
        run(&["--categorical", "x"]).unwrap_err().contains("--categorical: there is no column")
    );
}

#[test]
fn the_program_says_what_is_wrong_with_its_options() {
    let table = hundred("wrong.csv");
    let error = |more: &[&str]| run_personas(&[&["--table", &table], more].concat()).unwrap_err();
    assert!(error(&["--keep-out", "x"]).contains("--keep-out names \"x\", which is not a column"));
    assert!(error(&["--k", "400"]).contains("--k 400 is more than the 100 people"));
    let empty = file("only_header.csv", "spend,visits\n");
    let error = run_personas(&["--table", &empty]).unwrap_err();
    assert!(error.contains("has 0 rows; personas need at least 3"), "{error}");
}
