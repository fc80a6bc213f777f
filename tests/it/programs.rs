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
pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

pub(crate) fn gzip(content: &str) -> Vec<u8> {
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
