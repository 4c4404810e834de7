//! One tool each: what is read of its files, and what is said of the rest.

use crate::inputs::{Inputs, gungraun, hyperfine, summary};

fn report(inputs: &Inputs, path: &str) -> crate::inputs::Ended {
    inputs.assay(&["report", path, "--format", "text"])
}

#[test]
fn a_hollow_cache_does_not_look_like_a_whole_run() {
    let inputs = Inputs::new();
    inputs.criterion("criterion/kept/new", "kept", 10.0);
    inputs.write("criterion/lost/new/benchmark.json", r#"{"full_id":"lost"}"#);
    std::fs::create_dir_all(inputs.at("criterion/empty/new")).expect("made");
    report(&inputs, "criterion").printed(
        0,
        &[
            "kept",
            "skipped: criterion/lost/new: its `sample.json` is gone: run the benchmark again\n",
            "skipped: criterion/empty/new: its `sample.json` is gone",
            "1 case, 1 measurement; 2 skipped\n",
        ],
    );
    std::fs::remove_dir_all(inputs.at("criterion/kept")).expect("removed");
    report(&inputs, "criterion").refused(1, "holds no readable measurement: criterion/empty/new: its");
}

#[test]
fn a_time_that_is_no_number_does_not_hide_the_others() {
    let inputs = Inputs::new();
    inputs.criterion("criterion/ok/new", "ok", 3.0);
    inputs.criterion("criterion/nan/new", "nan", 3.0);
    inputs.write("criterion/nan/new/sample.json", r#"{"iters":[1.0,1.0],"times":[null,3.0]}"#);
    let said = ["3 ns", "invalid: nan: a time is `null`: criterion measured NaN or an infinity\n", "; 1 invalid\n"];
    report(&inputs, "criterion").printed(0, &said);
    assert_eq!(inputs.assay(&["compare", "criterion", "criterion"]).code, 3, "it can't be believed");
}

#[test]
fn the_unit_of_criterions_values_is_said() {
    let inputs = Inputs::new();
    inputs.criterion("criterion/perft/new", "perft", 510_013_539.0);
    let note = "note: criterion's files name no unit: values are taken for nanoseconds";
    report(&inputs, "criterion").printed(0, &["510.0 ms", note]);
    let csv = "group,function,value,throughput_num,throughput_type,sample_measured_value,unit,iteration_count\n\
        perft,,,,,510013539.0,instructions,1\n";
    inputs.write("criterion/perft/new/raw.csv", csv);
    report(&inputs, "criterion").refused(1, "perft: criterion measured `instructions`, and only times are read");
}

#[test]
fn what_cargo_criterion_left_is_named() {
    let inputs = Inputs::new();
    inputs.write("criterion/data/main/group/f/benchmark.cbor", b"\xa2bidd");
    inputs.write("criterion/data/main/group/f/measurement_260101120000.cbor", b"\xa1aa\x01");
    report(&inputs, "criterion").refused(1, "cargo-criterion: it left CBOR files (1)");
    inputs.criterion("criterion/f/new", "f", 3.0);
    report(&inputs, "criterion").printed(0, &["3 ns", "skipped: cargo-criterion: it left CBOR files"]);
}

#[test]
fn json_is_read_in_the_encodings_that_tools_write() {
    let inputs = Inputs::new();
    let text = hyperfine("true", 0.2);
    let utf16 = |unit: fn(u16) -> [u8; 2]| format!("\u{feff}{text}").encode_utf16().flat_map(unit).collect::<Vec<_>>();
    inputs.write("bom.json", format!("\u{feff}{text}"));
    inputs.write("le.json", utf16(u16::to_le_bytes));
    inputs.write("be.json", utf16(u16::to_be_bytes));
    inputs.write("crlf.json", text.replace(',', ",\r\n"));
    for file in ["bom.json", "le.json", "be.json", "crlf.json"] {
        report(&inputs, file).printed(0, &["true", "200.0 ms"]);
    }
    inputs.criterion("criterion/f/new", "f", 3.0);
    let sample = std::fs::read_to_string(inputs.at("criterion/f/new/sample.json")).expect("there");
    inputs.write("criterion/f/new/sample.json", format!("\u{feff}{sample}"));
    report(&inputs, "criterion").printed(0, &["3 ns"]);
    inputs.write("latin1.json", b"{\"results\":[{\"command\":\"caf\xe9\"}]}");
    report(&inputs, "latin1.json").refused(1, "latin1.json: neither UTF-8 nor UTF-16 text");
}

#[test]
fn another_version_of_a_summary_is_named_once_for_all() {
    let inputs = Inputs::new();
    let iai = r#"{"version":"2","kind":"LibraryBenchmark","module_path":"b::g::f","id":"x","callgrind_summary":{}}"#;
    inputs.write("two/summary.json", iai);
    inputs.write("eight/summary.json", summary("8", "b::g::f", ".", "Callgrind", r#""Ir":{"values":{"new":1234}}"#));
    for (folder, version) in [("two", "2"), ("eight", "8")] {
        let reason = format!("a summary of schema {version}, and this assay reads schema 7 of gungraun 0.20");
        report(&inputs, folder).refused(1, &reason);
        report(&inputs, &format!("{folder}/summary.json")).refused(1, &reason);
    }
    inputs.write("eight/known/summary.json", gungraun("b::g::h", ".", &[("Ir", 77)]));
    report(&inputs, "eight").printed(0, &["77", "skipped: b::g::f: a summary of schema 8"]);
}

#[test]
fn new_counts_are_read_beside_old_ones_and_other_tools() {
    let inputs = Inputs::new();
    let old = r#""Ir":{"values":{"new":1000,"old":990}},"L1hits":{"values":{"old":1500}}"#;
    inputs.write("old/summary.json", summary("7", "b::g::f", ".", "Callgrind", old));
    report(&inputs, "old").printed(0, &["instructions", "1000", "1 case, 1 measurement\n"]);
    inputs.write("dhat/summary.json", summary("7", "b::g::d", ".", "DHAT", r#""TotalBlocks":{"values":{"new":3}}"#));
    report(&inputs, "dhat/summary.json").printed(0, &["allocations", "1 case, 1 measurement\n"]);
    inputs.write("perf/summary.json", summary("7", "b::g::p", ".", "Perf", ""));
    let why = "b::g::p: gungraun ran Perf, and only new counts of Callgrind and DHAT are read";
    report(&inputs, "perf/summary.json").refused(1, why);
    report(&inputs, ".").printed(0, &["2 cases, 2 measurements; 1 skipped\n", &format!("skipped: {why}\n")]);
}

#[test]
fn summaries_one_after_the_other_are_read() {
    let inputs = Inputs::new();
    let both = [gungraun("b::g::one", ".", &[("Ir", 99)]), gungraun("b::g::two", ".", &[("Ir", 98)])];
    let utf16: Vec<u8> = both.join("\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, bytes) in [
        ("out.jsonl", both.join("\n").into_bytes()),
        ("out.json", both.join("\n").into_bytes()),
        ("out.txt", utf16),
        ("array.json", format!("[{}]", both.join(",")).into_bytes()),
    ] {
        inputs.write(name, bytes);
        report(&inputs, name).printed(0, &["b::g::one", "b::g::two", "2 cases, 2 measurements\n"]);
    }
    inputs.write("cut.jsonl", format!("{}\n{}", both[0], &both[1][..90]));
    report(&inputs, "cut.jsonl").printed(0, &["b::g::one", "skipped: cut.jsonl: EOF while parsing", "; 1 skipped\n"]);
}

#[test]
fn files_of_other_tools_are_passed_over() {
    let inputs = Inputs::new();
    inputs.write("mixed/coverage/summary.json", r#"{"total":{"lines":3}}"#);
    inputs.write("mixed/g/f/summary.json", gungraun("b::g::f", ".", &[("Ir", 10)]));
    report(&inputs, "mixed").printed(0, &["b::g::f", "1 case, 1 measurement\n"]);
    inputs.write("mixed/h/summary.json", "");
    report(&inputs, "mixed").printed(0, &["skipped: mixed/h/summary.json: it is not JSON: the file is empty\n"]);
    inputs.write("k6/summary.json", r#"{"metrics":{"http_req_duration":{"avg":1.5}},"root_group":{}}"#);
    report(&inputs, "k6/summary.json")
        .refused(1, "k6/summary.json is not the output of a tool that assay reads: criterion's folder");
    report(&inputs, "k6").refused(1, "k6 holds no output of a tool that assay reads: criterion's folder");
}

#[test]
fn parameters_are_told_apart_by_more_than_their_text() {
    let inputs = Inputs::new();
    let of = |parameters: &str| {
        let command = hyperfine("run", 1.0);
        let result = command.trim_start_matches("{\"results\":[").trim_end_matches("}]}");
        format!("{result},\"parameters\":{parameters}}}")
    };
    let both = [of(r#"{"a":"1,b=2"}"#), of(r#"{"a":"1","b":"2"}"#)];
    inputs.write("x.json", format!("{{\"results\":[{}]}}", both.join(",")));
    report(&inputs, "x.json").printed(0, &["a=1%2Cb%3D2", "2 cases, 6 measurements\n"]);
    inputs.write("x.json", format!("{{\"results\":[{0},{0}]}}", of("{}")));
    report(&inputs, "x.json").refused(1, "run: x.json measures it twice: give each a name of its own");
}
