//! What an analyst sees of the program `personas`: the screen, files, JSON, and errors.

use clap::Parser;
use serde_json::Value;

use super::programs::{file, gzip, personas_program};

fn run_personas(options: &[&str]) -> Result<String, String> {
    let options = personas_program::Options::try_parse_from([&["personas"], options].concat());
    let options = options.map_err(|error| error.to_string())?;
    personas_program::run(&options).map_err(|error| error.to_string())
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
    let twice =
        file("twice_customers.csv", "mail,age\np1@shop.com,30\nP1@shop.com,40\np2@shop.com,5\n");
    let own = ["--events", &events, "--people", &twice, "--people-id", "email=mail", "--k", "2"];
    let report = run_personas(&[&own[..], &SALES[..]].concat()).unwrap();
    assert!(report.contains("1 row is of a person that another row names;"), "{report}");
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
    assert_eq!(lines.next(), Some("customer,email,persona,margin,runner_up,reasons"));
    // Customer 0 is a placeholder, so that person is known by the e-mail address only.
    let is_named = |line: &str| match line.strip_prefix(',') {
        Some(line) => line.starts_with("p0@"),
        None => line.split_once(",p").is_some_and(|(customer, _)| customer.parse::<u32>().is_ok()),
    };
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
    check("head.csv", head, &[], "there are no rows below the header");
    check("notime.csv", &format!("{head}x,sale,1,,2\n"), &[], "the time cannot be read (line 2");
    check("nocol.csv", "when,what,customer,total\n", &[], "there is no column \"mail\", only");
    check("twice.csv", "when,what,customer,mail,mail\n", &[], "columns 4 and 5 are both named");
    check("one.csv", &format!("{head}2024-01-01,sale,1,,2\n"), &[], "at least 3 people");
    let few = format!("{head}2024-01-01,sale,1,,2\n2024-01-02,sale,2,,2\n2024-01-03,sale,3,,2\n");
    check("few.csv", &few, &["--as-of", "2023-01-01"], "at least 3 people");
    check("few.csv", &few, &["--order", "basket"], "there is no column \"basket\"");
    let sold = ["--purchase", "sold"];
    check("few.csv", &few, &sold, "--purchase names \"sold\", but no event has that name");
    let long = few.replace(",1,", &format!(",{},", "x".repeat(2000)));
    check(
        "long.csv",
        &long.replace(",2,,", ",,,").replace(",3,,", ",,,"),
        &[],
        "no event was accepted. Refused 1 row: identifier of kind \"customer\" is 2000 bytes long",
    );
    let wide: String = (0..1000).map(|column| format!(",column {column}")).collect();
    check("wide.csv", &format!("when,what,customer,mail{wide}\n"), &[], " and 984 more");
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
    let of_one_kind = |n: usize| (1..=n).map(|i| format!("2024-01-01,{i},,5,toys\n")).collect();
    let alike = check("alike.csv", of_one_kind(40));
    assert!(alike.unwrap_err().contains("no columns that can be used"));
    // Of fewer than two groups that are described there is nothing to tell.
    assert!(check("few alike.csv", of_one_kind(39)).unwrap_err().contains(
        "39 people are too few: two personas of at least 20 people are needed; --k 2 divides"
    ));
    // Two kinds of people, so two groups, however many were looked for.
    let kinds = (1..=40).map(|i| format!("2024-01-01,{i},,{},toys\n", 5 + i % 2));
    let kinds = check("kinds.csv", kinds.collect()).unwrap();
    assert!(kinds.contains("\n2 personas"), "{kinds}");
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
fn groups_of_fewer_than_twenty_people_are_not_listed_and_no_small_count_is_shown() {
    let events = file("small.csv.gz", gzip(&sales()));
    let options = |k| [&["--events", &events], &SALES[..], &["--k", k]].concat();
    let screen = run_personas(&options("4")).unwrap();
    assert!(screen.contains("Not listed: "), "{screen}");
    assert!(screen.contains("of fewer than 20 people"), "{screen}");
    assert!(!screen.contains("Small group"), "{screen}");
    let screen = run_personas(&options("2")).unwrap();
    assert!(!screen.contains("Not listed"), "{screen}");
}

/// A hundred people, seven of whom are far from all others and alone have an income of 250K or more.
fn seven_apart(name: &str) -> String {
    let row = |i: usize| {
        let income = ["Under 15K", "15-24K", "25-49K"][i % 3];
        let town = if i.is_multiple_of(20) { "Xanadu" } else { ["Rome", "Oslo"][i % 2] };
        match i < 93 {
            true => format!("{},{},{income},{town}\n", i * 37 % 101, i * 53 % 97),
            false => format!("{},{},250K+,{town}\n", 5000 + i, 900 + i),
        }
    };
    file(name, String::from("spend,visits,income,town\n") + &(0..100).map(row).collect::<String>())
}

/// Every number of people in JSON, with the name of its field.
fn people_counted(field: &str, value: &Value, found: &mut Vec<(String, u64)>) {
    const COUNTS: [&str; 8] =
        ["size", "people", "n", "n_others", "smallest", "n_shared", "moves", "in_no_persona"];
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| people_counted(name, value, found))
        }
        Value::Array(items) => items.iter().for_each(|item| people_counted(field, item, found)),
        value => found.extend(
            value.as_u64().filter(|_| COUNTS.contains(&field)).map(|n| (field.to_owned(), n)),
        ),
    }
}

#[test]
fn no_output_but_the_members_tells_of_fewer_than_twenty_people() {
    let table = seven_apart("seven.csv");
    let rich = r#"[{"name":"Rich","rules":[{"feature":"spend","condition":{"at_least":5000.0}}]}]"#;
    let declared = file("rich.json", rich);
    let [page, model] = ["seven.html", "seven.json"].map(written);
    run_personas(&["--table", &table, "--k", "3", "--save", &model]).unwrap();
    let given = ["--table", &table, "--declared", &declared, "--compare-with", &model];
    let more = ["--k", "9", "--archetypes", "--niches", "--html", &page];
    let screen = run_personas(&[&given[..], &more].concat()).unwrap();
    let page = std::fs::read_to_string(&page).unwrap();
    let json = run_personas(&[&given[..], &["--json"]].concat()).unwrap();
    let [screen, page, json] = [screen, page, json].map(|text| {
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ")
    });
    for text in [&screen, &page, &json] {
        for rare in ["250K", "Xanadu"] {
            assert!(!text.contains(rare), "{rare} is in {text}");
        }
        for n in 1..20 {
            let said = [" ", ">", "("].map(|before| format!("{before}{n} people"));
            assert!(!said.iter().any(|said| text.contains(said)), "{n} people in {text}");
        }
    }
    assert!(!screen.contains("Small group") && !page.contains("<h3>Small group"), "{screen}");
    assert!(screen.contains("Rich: hardly anybody; fewer than 20 people fit it in full."));
    let mut counted = Vec::new();
    people_counted("", &serde_json::from_str(&json).unwrap(), &mut counted);
    counted.retain(|&(_, n)| n > 0);
    assert!(counted.len() > 9 && counted.iter().all(|&(_, n)| n >= 20), "{counted:?}");
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
fn the_page_of_a_division_has_the_pure_types_and_that_of_natural_groups_only_when_asked() {
    let row = |i: usize| {
        let middle = [0, 1000, 5000][i % 3];
        format!("{},{}\n", middle + i * 37 % 101, middle * 2 + i * 53 % 97)
    };
    let groups = format!("spend,visits\n{}", (0..300).map(row).collect::<String>());
    let (degrees, groups) = (hundred("degrees.csv"), file("groups.csv", groups));
    let page = written("types.html");
    let types = |given: &[&str]| {
        let screen = run_personas(&[given, &["--html", &page]].concat()).unwrap();
        let page = std::fs::read_to_string(&page).unwrap();
        (screen.contains("--archetypes describes"), page.contains("Pure types"))
    };
    assert_eq!(types(&["--table", &degrees]), (true, true));
    assert_eq!(types(&["--table", &groups]), (false, false));
    assert_eq!(types(&["--table", &groups, "--k", "2"]), (false, false));
    assert_eq!(types(&["--table", &degrees, "--archetypes"]), (false, true));
    assert_eq!(types(&["--table", &groups, "--archetypes"]), (false, true));
}

#[test]
fn personas_says_which_columns_change_by_themselves() {
    let text = run_personas(&["--k", "3"]).unwrap().replace("\n  ", " ");
    assert!(
        text.contains("recency_days and tenure_days change from day to day by themselves"),
        "{text}"
    );
    // The program knows what it computed: shares in percent, money, departments.
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in
        ["Little groceries", "Low discounts: median discount share 10%", "median spending 83.64"]
    {
        assert!(words.contains(said), "{said} is not in {text}");
    }
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
fn whole_numbers_from_one_to_three_are_read_as_codes_and_more_are_named() {
    let row = |i: usize| {
        let (channel, region, browser) = (1 + i % 2, 1 + i / 80, 1 + i % 9);
        format!(
            "{channel},{region},{browser},{},{},{}\n",
            1 + i % 3,
            i % 3,
            i / 80 * 200 + i * 53 % 97
        )
    };
    let rows: String = (0..240).map(row).collect();
    let table =
        file("few_numbers.csv", format!("Channel,Region,Browser,orders,kids,spend\n{rows}"));
    let run = |more: &[&str]| {
        let text = run_personas(&[&["--table", &table, "--k", "3"], more].concat()).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let text = run(&[]);
    let codes = "Read as codes and not as amounts: Channel (1 to 2) and Region (1 to 3). If they are amounts: \
                 --numeric Channel --numeric Region.";
    assert!(text.contains(codes), "{text}");
    let doubtful = "few whole numbers: Browser (1 to 9). If they are codes: --categorical Browser.";
    assert!(text.contains(doubtful) && text.contains("egion 1: 100%"), "{text}");
    // What counts something, by its name or because it can be 0, is an amount.
    assert!(!text.contains("orders (1 to") && !text.contains("kids (0"), "{text}");
    let text = run(&["--numeric", "Region", "--categorical", "Browser"]);
    assert!(
        text.contains("amounts: Channel (1 to 2). If") && !text.contains("Browser (1"),
        "{text}"
    );
}

#[test]
fn people_are_grouped_beside_those_of_their_own_plan_and_so_are_later_ones() {
    let row = |i: usize| format!("{},{}\n", ["free", "paid"][i % 2], [1, 10][i % 2] * (1 + i / 2));
    let rows: String = (0..240).map(row).collect();
    let table = file("plans.csv", format!("plan,visits\n{rows}"));
    let kept = file("plans.json", "");
    let options = ["--table", &table, "--k", "2", "--relative-to", "plan", "--save", &kept];
    let text = run_personas(&options).unwrap();
    assert!(text.contains("High visits for the plan (120 people"), "{text}");
    // Ann visits little for those who pay, and Bob much for one who does not.
    let later = file("plans_later.csv", "plan,visits\npaid,90\nfree,90\n");
    let members = file("plans_later_members.csv", "");
    run_personas(&["--table", &later, "--apply", &kept, "--out", &members]).unwrap();
    let members = std::fs::read_to_string(members).unwrap();
    let personas: Vec<&str> =
        members.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    assert_eq!(personas, ["Low visits for the plan", "High visits for the plan"]);
    let refused = run_personas(&["--table", &table, "--k", "2", "--relative-to", "visits"]);
    assert!(refused.unwrap_err().contains("a column of categories"));
}

#[test]
fn people_whom_the_grouping_leaves_out_are_in_no_persona_wherever_they_are_counted() {
    // Two dense groups of 60, and twice 15 people scattered far from both.
    let row = |i: usize| match i {
        0..120 => format!("{},{}\n", i / 60 * 500 + i * 37 % 41, i / 60 * 300 + i * 53 % 43),
        120..135 => format!("{},{}\n", i * 7919 % 2000 + 900, i * 104_729 % 3000 + 900),
        i => format!("-{},-{}\n", i * 7919 % 2000 + 900, i * 104_729 % 3000 + 900),
    };
    let table =
        file("left_out.csv", format!("spend,visits\n{}", (0..150).map(row).collect::<String>()));
    let out = |name: &str| file(name, "");
    let (members, page) = (out("left_out_members.csv"), out("left_out.html"));
    let given = ["--table", &table, "--method", "hdbscan", "--out", &members, "--html", &page];
    let text = run_personas(&given).unwrap();
    let told: Value =
        serde_json::from_str(&run_personas(&[&given[..], &["--json"]].concat()).unwrap()).unwrap();
    let sizes: Vec<u64> =
        told["personas"].as_array().unwrap().iter().map(|p| p["size"].as_u64().unwrap()).collect();
    let n_outside = told["in_no_persona"].as_u64().unwrap();
    assert!(n_outside > 0 && sizes.iter().sum::<u64>() + n_outside == 150, "{sizes:?} {n_outside}");
    assert!(text.contains(&format!("{n_outside} people are in no persona, ")), "{text}");
    for size in &sizes {
        assert!(text.contains(&format!("({size} people, ")), "{text}");
    }
    let members = std::fs::read_to_string(members).unwrap();
    let without = members.lines().filter(|line| line.split(',').nth(1) == Some("")).count();
    assert_eq!(without as u64, n_outside, "{members}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains(&format!("In no persona: {n_outside} people, ")), "{page}");
    assert!(!page.contains("The sentences tell of the"), "{page}");
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
    assert!(text.contains("\"customer\" numbers the rows: it says who"), "{text}");
    assert!(text.contains("Not used for grouping: shop (always the same)."), "{text}");
    assert!(text.contains("egion 2: 100%"), "{text}");
    let used = run(&["--categorical", "region", "--numeric", "customer"]).unwrap();
    assert!(!used.contains("numbers the rows") && used != text, "{used}");
    assert!(run(&["--categorical", "region", "--keep-out", "customer"]).is_ok());
    assert!(
        run(&["--categorical", "x"]).unwrap_err().contains("--categorical: there is no column")
    );
}

#[test]
fn members_of_a_table_are_named_by_its_id_column_else_by_the_column_that_numbers_them_else_by_line()
{
    let row = |i: usize| format!("{},c{},{}\n", i + 7, i * 53 % 97, i % 2 * 900 + i % 7);
    let rows: String = (0..60).map(row).collect();
    let numbered = file("who.csv", format!("no,card,spend\n{rows}"));
    let out = written("who_out.csv");
    let first = |table: &str, more: &[&str]| {
        run_personas(&[&["--table", table, "--out", &out], more].concat()).unwrap();
        let members = std::fs::read_to_string(&out).unwrap();
        let lines: Vec<String> = members.lines().take(2).map(str::to_owned).collect();
        let head = lines[0].strip_suffix(",persona,margin,runner_up,reasons").unwrap().to_owned();
        let n_ids = head.split(',').count();
        let ids: Vec<&str> = lines[1].split(',').take(n_ids).collect();
        format!("{head} {}", ids.join(","))
    };
    assert_eq!(first(&numbered, &[]), "no 7");
    assert_eq!(first(&numbered, &["--id", "member=card"]), "member c0");
    assert_eq!(first(&numbered, &["--id", "card", "--id", "no"]), "card,no c0,7");
    assert_eq!(first(&numbered, &["--numeric", "no"]), "line 2");
    let error = run_personas(&["--table", &numbered, "--id", "x"]).unwrap_err();
    assert!(error.contains("--id: there is no column"), "{error}");
    for (more, said) in [
        (["--keep-out", "no"], "--id and --keep-out both name \"no\""),
        (["--numeric", "no"], "--id and --numeric both name \"no\""),
        (["--id", "card=no"], "--id names \"no\" twice"),
        (["--id", "no=card"], "--id names two columns of kind \"no\""),
        (["--id", "margin=card"], "write KIND=card with another KIND"),
    ] {
        let error = run_personas(&[&["--table", &numbered, "--id", "no"], &more[..]].concat());
        let error = error.unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    // Halves count nobody.
    let row = |i: usize| format!("{}.5,{}\n", i, i % 2 * 900 + i % 7);
    let rows: String = (0..60).map(row).collect();
    assert_eq!(first(&file("halves.csv", format!("no,spend\n{rows}")), &[]), "line 2");
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

#[test]
fn codes_have_no_order() {
    let row = |i: usize| format!("{},{},{}\n", [3, 1, 2][i % 3], i * 53 % 97, i % 5);
    let rows: String = (0..90).map(row).collect();
    let table = file("regions.csv", format!("region,spend,visits\n{rows}"));
    let model = written("regions.json");
    run_personas(&["--table", &table, "--k", "3", "--categorical", "region", "--save", &model])
        .unwrap();
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&model).unwrap()).unwrap();
    let kept = kept.to_string();
    assert!(kept.contains("OneHot") && !kept.contains("Ordered"), "{kept}");
}

#[test]
fn rows_that_are_skipped_in_numbers_are_told_on_the_page_and_in_json_too() {
    let bad: String = (0..200).map(|i| format!("soon,sale,{i},m,1,toys\n")).collect();
    let events = file("mostly_bad.csv", sales() + &bad);
    let page = written("mostly_bad.html");
    let run = |extra: &[&str]| run_personas(&[&["--events", &events], &SALES[..], extra].concat());
    run(&["--html", &page]).unwrap();
    let page = std::fs::read_to_string(&page).unwrap();
    let (attention, cards) = (page.find("of the rows were skipped"), page.find("The personas"));
    assert!(attention.is_some() && attention < cards, "{attention:?} {cards:?}");
    let told: Value = serde_json::from_str(&run(&["--json"]).unwrap()).unwrap();
    assert_eq!(told["skipped_rows"], 200);
    assert!(told["attention"][0].as_str().unwrap().contains("the time cannot be read"));
    assert!(told["read"][0].as_str().unwrap().contains("60 people"));
}

#[test]
fn a_kept_model_places_one_person_and_people_of_whom_less_is_known() {
    let table = hundred("hundred_kept.csv");
    let model = written("hundred_kept.json");
    run_personas(&["--table", &table, "--k", "2", "--save", &model]).unwrap();
    let header = std::fs::read_to_string(&table).unwrap().lines().next().unwrap().to_owned();
    let cells = vec!["1"; header.split(',').count()].join(",");
    let one = file("one.csv", format!("{header}\n{cells}\n"));
    let out = written("one_out.csv");
    let text = run_personas(&["--table", &one, "--apply", &model, "--out", &out]).unwrap();
    assert!(text.contains("1 person from one.csv"), "{text}");
    assert!(!text.contains("Nobody has anything"), "{text}");
    assert_eq!(std::fs::read_to_string(&out).unwrap().lines().count(), 2);
    // Nobody's first column is known.
    let (_, rest) = cells.split_once(',').unwrap();
    let unknown = file("unknown.csv", format!("{header}\n,{rest}\n,{rest}\n"));
    let text = run_personas(&["--table", &unknown, "--apply", &model]).unwrap();
    assert!(text.contains("Nobody has anything in"), "{text}");
}

#[test]
fn a_newer_model_is_refused() {
    let table = hundred("hundred_newer.csv");
    let model = written("hundred_newer.json");
    run_personas(&["--table", &table, "--k", "2", "--save", &model]).unwrap();
    let text = std::fs::read_to_string(&model).unwrap();
    assert!(text.contains("\"version\":1"));
    std::fs::write(&model, text.replacen("\"version\":1", "\"version\":2", 1)).unwrap();
    let error = run_personas(&["--table", &table, "--apply", &model]).unwrap_err();
    assert!(error.contains("version 2") && error.contains("up to version 1"), "{error}");
}

#[test]
fn dates_of_a_table_are_days_and_are_left_out_by_their_own_name() {
    let row =
        |i: usize| format!("{:02}/{:02}/2024,{},{}\n", 1 + i % 9, 1 + i % 12, i * 53 % 97, i % 7);
    let rows: String = (0..100).map(row).collect();
    let table = file("signups.csv", format!("signup,spend,visits\n{rows}"));
    let run = |more: &[&str]| run_personas(&[&["--table", &table, "--k", "2"], more].concat());
    let text = run(&[]).unwrap();
    let flowed = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flowed.contains("Column \"signup\" is read as texts: the dates can be read as"),
        "{text}"
    );
    assert!(flowed.contains("--date-format"), "{text}");
    let text = run(&["--date-format", "%d/%m/%Y"]).unwrap();
    assert!(!text.contains("is read as texts"), "{text}");
    run(&["--date-format", "%d/%m/%Y", "--keep-out", "signup"]).unwrap();
}

#[test]
fn a_price_without_a_quantity_is_told() {
    let rows: String = (0..120)
        .map(|i| {
            let n = if i % 60 == 0 { String::new() } else { (1 + i % 3).to_string() };
            format!("2024-01-{:02},{},{}.5,{n}\n", 1 + i % 28, i % 40, i % 11)
        })
        .collect();
    let events = file("pieces.csv", format!("when,who,price,pieces\n{rows}"));
    let options =
        ["--time", "when", "--id", "who", "--amount", "price", "--quantity", "pieces", "--k", "2"];
    let text = run_personas(&[&["--events", &events], &options[..]].concat()).unwrap();
    let flowed = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flowed.contains("2 rows have a price and no \"pieces\""), "{text}");
}

#[test]
fn what_is_compared_is_in_json_and_on_the_page() {
    let table = hundred("hundred_compared.csv");
    let [model, page] = ["hundred_compared.json", "hundred_compared.html"].map(written);
    run_personas(&["--table", &table, "--k", "2", "--save", &model]).unwrap();
    let options = ["--table", &table, "--k", "3", "--compare-with", &model];
    let json = run_personas(&[&options[..], &["--json"]].concat()).unwrap();
    let told: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["lineage"]["earlier"].as_array().map(Vec::len), Some(2));
    run_personas(&[&options[..], &["--html", &page]].concat()).unwrap();
    assert!(std::fs::read_to_string(&page).unwrap().contains("Since the earlier model"));
}

#[test]
fn files_that_cannot_be_used_are_errors_before_the_work() {
    let table = hundred("hundred_early.csv");
    let out = written("hundred_early_out.csv");
    let error = |more: &[&str]| run_personas(&[&["--table", &table], more].concat()).unwrap_err();
    assert!(error(&["--out", &out, "--declared", "/nowhere.json"]).contains("/nowhere.json"));
    assert!(!std::path::Path::new(&out).exists());
    assert!(error(&["--out", "-"]).contains("name a file instead of -"));
    let twice = error(&["--out", &out, "--html", &out]);
    assert!(twice.contains("is named for two outputs"), "{twice}");
    let itself = error(&["--html", &table]);
    assert!(itself.contains("would be overwritten, but is read"), "{itself}");
    for pattern in ["%Q", "nonsense", "%Y"] {
        let error = error(&["--date-format", pattern]);
        assert!(error.contains("--date-format"), "{error}");
    }
    let nobody = file("nobody_early.csv", "spend,visits\n");
    let model = written("hundred_early.json");
    run_personas(&["--table", &table, "--k", "2", "--save", &model]).unwrap();
    let error = run_personas(&["--table", &nobody, "--apply", &model]).unwrap_err();
    assert!(error.contains("has 0 rows; personas need at least 1"), "{error}");
    let error = run_personas(&["--table", &table, "--apply", &table]).unwrap_err();
    assert!(error.contains("no model that --save wrote"), "{error}");
}

#[test]
fn lines_may_end_in_a_carriage_return_and_cells_in_a_bar() {
    let expected = run_personas(&[&["--events", &file("plain.csv", sales())], &SALES[..]].concat());
    let expected = expected.unwrap();
    for (name, text) in
        [("mac.csv", sales().replace('\n', "\r")), ("bars.csv", sales().replace(',', "|"))]
    {
        let found = run_personas(&[&["--events", &file(name, text)], &SALES[..]].concat()).unwrap();
        assert_eq!(found, expected.replace("plain.csv", name));
    }
    // Lines are counted as they are shown by an editor.
    let bad = sales().replacen("2024-01-01,sale,0", "soon,sale,0", 1).replace('\n', "\r");
    let found = run_personas(&[&["--events", &file("mac_bad.csv", bad)], &SALES[..]].concat());
    assert!(found.unwrap().contains("the time cannot be read (line 2;"));
}

#[test]
fn what_an_analyst_should_know_of_a_file_is_said() {
    let said = |name: &str, text: String, more: &[&str]| {
        let file = file(name, text);
        let report = run_personas(&[&["--events", &file], &SALES[..], more].concat()).unwrap();
        report.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let open = said("open.csv", sales().replacen(",sale,7,", ",\"sale,7,", 1), &["--k", "2"]);
    assert!(open.starts_with("Attention ========= The row at line 2"), "{open}");
    assert!(open.contains(" lines: a quote may not be closed there"), "{open}");
    let below = said("below.csv", sales().replace("@shop.com,", "@shop.com,-"), &["--k", "2"]);
    assert!(below.contains("360 of 360 values of \"total\" are below 0 and count as paid back"));
    let slips = "2024-12-31,sale,1,,5,toys\n2024-12-30,sale,2,,5,toys\n";
    let late = said("late.csv", sales() + slips, &["--k", "2"]);
    assert!(late.contains("2 times lie more than 90 days after nearly all others"), "{late}");
    let mailed = sales() + "2024-03-01,mail,1,,,\n2024-03-01,mail,2,,,\n";
    let mailed = file("mailed.csv", mailed);
    let unnamed: Vec<&str> =
        SALES.iter().copied().filter(|o| !["--event", "what"].contains(o)).collect();
    let report =
        run_personas(&[&["--events", &mailed, "--k", "2"], &unnamed[..]].concat()).unwrap();
    assert!(report.contains("2 rows have no amount and count as purchases"), "{report}");
    let other = sales().replace(",sale,7,", ",gift,7,");
    let note = "Purchases are the events \"sale\", of which 357 have an amount; 3 events of other \
                names have one too and do not count.";
    assert!(said("other.csv", other, &["--k", "2"]).contains(note));
}

#[test]
fn a_column_that_is_no_number_for_one_text_and_a_header_of_numbers_are_told() {
    let rows = |first: &str| -> String {
        let cell =
            |i: usize| if i.is_multiple_of(8) { "n.a.".into() } else { (i * 37 % 101).to_string() };
        first.to_owned() + &(0..100).map(|i| format!("{},{}\n", cell(i), i % 7)).collect::<String>()
    };
    let told = |name: &str, text: String, more: &[&str]| {
        let table = file(name, text);
        let report = run_personas(&[&["--table", &table, "--k", "2"], more].concat()).unwrap();
        report.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let said = "Column \"spend\" is read as texts, because 13 values are \"n.a.\": --missing \"n.a.\" reads";
    assert!(told("one_text.csv", rows("spend,visits\n"), &[]).contains(said));
    let read = told("one_missing.csv", rows("spend,visits\n"), &["--missing", "n.a."]);
    assert!(!read.contains("read as texts"), "{read}");
    let bare = told("bare.csv", rows("4,5\n"), &[]);
    assert!(bare.contains("holds numbers (4 and 5): if it is a row, add a header"), "{bare}");
    let table = hundred("hundred_by.csv");
    let error = run_personas(&["--table", &table, "--relative-to", "spend"]).unwrap_err();
    assert_eq!(error, "--relative-to names \"spend\", which is not a column of categories");
}

#[test]
fn one_persona_made_by_hand_needs_no_list() {
    let table = hundred("hundred_hand.csv");
    let one = r#"{"name":"All","rules":[{"feature":"spend","condition":"exists"}]}"#;
    let report = run_personas(&["--table", &table, "--declared", &file("one_hand.json", one)]);
    assert!(report.unwrap().contains("All: "));
}
