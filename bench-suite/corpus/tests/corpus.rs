//! The corpus: what is imported from each generation of trajectories, what is refused and where, and how near the
//! generated episodes are.

use std::fs;
use std::path::{Path, PathBuf};

use corpus::generate::{EpisodeStyle, Generator, generate};
use corpus::import::{ImportError, OnMalformed, import, parse};
use corpus::shape::{Shape, TOLERANCE, shape};
use episodes::api::Script;
use proptest::prelude::*;
use serde_json::{Value, json};

const GENERATIONS: [&str; 3] = ["state-as-text", "function-calling", "messages"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus").join(name)
}

/// Compares with a stored text; `UPDATE_GOLDEN=1` stores it.
fn golden(name: &str, actual: &str) {
    let path = fixture(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, actual).expect("the fixtures can be written");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, stored, "{name} changed: if that was the purpose, run again with UPDATE_GOLDEN=1");
}

fn pretty(scripts: &[Script]) -> String {
    serde_json::to_string_pretty(scripts).expect("scripts are JSON") + "\n"
}

/// Real trajectories beside the workspace, where there are any.
fn recorded() -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/swe-agent");
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: there are no recorded trajectories in {}", folder.display());
        return None;
    };
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "traj")).collect();
    paths.sort();
    Some(paths)
}

#[test]
fn every_generation_of_the_format_is_read() {
    for name in GENERATIONS {
        let imported = import(&[fixture(&format!("{name}.traj"))], OnMalformed::Refuse).expect(name);
        golden(&format!("{name}.json"), &pretty(&imported.scripts));
    }
}

#[test]
fn recorded_trajectories_are_read_whole() {
    let Some(paths) = recorded() else { return };
    let imported = import(&paths, OnMalformed::Refuse).expect("recorded trajectories are well-formed");
    assert_eq!(imported.scripts.len(), paths.len());
    for (script, path) in imported.scripts.iter().zip(&paths) {
        let document: Value = serde_json::from_slice(&fs::read(path).expect("readable")).expect("JSON");
        let recorded = document["trajectory"].as_array().expect("steps");
        assert_eq!(script.steps.len(), recorded.len());
        for (step, recorded) in script.steps.iter().zip(recorded) {
            assert_eq!(
                (step.action.as_str(), step.observation.as_str()),
                (
                    recorded["action"].as_str().expect("an action"),
                    recorded["observation"].as_str().expect("an observation"),
                )
            );
        }
        assert_eq!(script.outcome.name(), "success", "{}", path.display());
        assert_eq!(script.start.context.language.as_deref(), Some("python"));
        assert!(script.start.context.framework.is_some() && !script.start.task.is_empty());
    }
}

#[test]
fn what_is_malformed_is_named_with_its_place() {
    let step = json!({"action": "ls", "observation": ""});
    let history = |entry: Value| json!({"trajectory": [step], "history": [entry]}).to_string();
    let cases = [
        (String::new(), "byte 0", "the file is empty"),
        ("{\"trajectory\": [}".to_owned(), "line 1 column 17", "expected value"),
        ("{\n\"trajectory\": [{\"action\": \"l".to_owned(), "line 2 column 28", "EOF while parsing a string"),
        ("[".repeat(100_000), "line 1 column 128", "recursion limit exceeded"),
        ("[]".to_owned(), "the document", "expected an object, found an array"),
        ("{}".to_owned(), "trajectory", "missing"),
        (json!({"trajectory": []}).to_string(), "trajectory", "no steps: an episode has at least one"),
        (json!({"trajectory": {}}).to_string(), "trajectory", "expected an array, found an object"),
        (json!({"trajectory": [step, 7]}).to_string(), "trajectory[1]", "expected an object, found a number"),
        (json!({"trajectory": [{"observation": ""}]}).to_string(), "trajectory[0].action", "missing"),
        (
            json!({"trajectory": [step, {"action": "ls", "observation": 3}]}).to_string(),
            "trajectory[1].observation",
            "expected a string, found a number",
        ),
        (
            json!({"trajectory": [{"action": "ls", "observation": "", "execution_time": "1"}]}).to_string(),
            "trajectory[0].execution_time",
            "expected a number of seconds, found a string",
        ),
        (
            json!({"trajectory": [{"action": "ls", "observation": "", "execution_time": -1}]}).to_string(),
            "trajectory[0].execution_time",
            "expected seconds, found -1",
        ),
        (
            json!({"trajectory": [{"action": "ls", "observation": "", "state": []}]}).to_string(),
            "trajectory[0].state",
            "expected an object, found an array",
        ),
        (history(json!({"role": "user"})), "history[0].content", "missing"),
        (history(json!({"role": "user", "content": {}})), "history[0].content", "expected a string, found an object"),
        (
            history(json!({"action": "ls", "tool_calls": [{"function": {}}]})),
            "history[0].tool_calls[0].function.name",
            "missing",
        ),
        (
            json!({"trajectory": [step], "info": {"exit_status": 1}}).to_string(),
            "info.exit_status",
            "expected a string, found a number",
        ),
    ];
    for (text, place, reason) in cases {
        let malformed = parse(Path::new("a.traj"), text.as_bytes()).expect_err(place);
        assert_eq!((malformed.place.as_str(), malformed.reason.as_str()), (place, reason));
        assert_eq!(malformed.to_string(), format!("a.traj: {place}: {reason}"));
    }
    let malformed = parse(Path::new("a.traj"), b"{\"a\": \"\xff\"}").expect_err("not UTF-8");
    assert_eq!((malformed.place.as_str(), malformed.reason.as_str()), ("byte 7", "not UTF-8 text"));
}

#[test]
fn a_malformed_file_is_refused_or_skipped_and_a_missing_one_always_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bad = folder.path().join("bad.traj");
    fs::write(&bad, "{\"trajectory\": [{}]}").expect("writable");
    let good = fixture("messages.traj");
    let paths = [bad.clone(), good.clone()];

    let error = import(&paths, OnMalformed::Refuse).expect_err("malformed");
    assert!(matches!(&error, ImportError::Malformed(malformed) if malformed.path == bad));
    assert!(error.to_string().contains("bad.traj: trajectory[0].action: missing"), "{error}");

    let imported = import(&paths, OnMalformed::Skip).expect("skipped");
    assert_eq!((imported.scripts.len(), imported.skipped.len()), (1, 1));
    assert_eq!(imported.skipped[0].place, "trajectory[0].action");

    let missing = [good, folder.path().join("missing.traj")];
    let error = import(&missing, OnMalformed::Skip).expect_err("missing");
    assert!(
        matches!(error, ImportError::Unreadable { .. }) && error.to_string().contains("missing.traj cannot be read")
    );
}

#[test]
fn a_cut_file_is_malformed_wherever_it_is_cut() {
    for name in GENERATIONS {
        let bytes = fs::read(fixture(&format!("{name}.traj"))).expect("readable");
        let whole = bytes.trim_ascii_end().len();
        for end in 0..whole {
            parse(Path::new(name), &bytes[..end]).expect_err("cut");
        }
        parse(Path::new(name), &bytes[..whole]).expect("whole");
    }
}

#[test]
fn a_value_of_another_type_is_read_or_named_and_never_a_panic() {
    let others = [json!(null), json!(true), json!(-1e300), json!("{"), json!([[]]), json!({"": 0})];
    let (mut read, mut named) = (0, 0);
    for name in GENERATIONS {
        let bytes = fs::read(fixture(&format!("{name}.traj"))).expect("readable");
        let document: Value = serde_json::from_slice(&bytes).expect("JSON");
        for pointer in pointers(&document) {
            for other in &others {
                let mut changed = document.clone();
                *changed.pointer_mut(&pointer).expect("it was found there") = other.clone();
                match parse(Path::new(name), changed.to_string().as_bytes()) {
                    Ok(_) => read += 1,
                    Err(malformed) => {
                        assert!(!malformed.place.is_empty() && !malformed.reason.is_empty());
                        named += 1;
                    }
                }
            }
        }
    }
    assert!(read > 100 && named > 100, "both must happen: {read} read, {named} named");
}

/// The places of all values.
fn pointers(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(values) => values.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        _ => Vec::new(),
    };
    let below = children
        .into_iter()
        .flat_map(|(key, value)| pointers(value).into_iter().map(move |pointer| format!("/{key}{pointer}")));
    std::iter::once(String::new()).chain(below).collect()
}

proptest! {
    #[test]
    fn flipped_bytes_are_never_a_panic(name in prop::sample::select(&GENERATIONS[..]), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = fs::read(fixture(&format!("{name}.traj"))).expect("readable");
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        match parse(Path::new(name), &bytes) {
            Ok((script, _)) => prop_assert!(!script.steps.is_empty()),
            Err(malformed) => prop_assert!(!malformed.place.is_empty()),
        }
    }
}

#[test]
fn unknown_keys_change_nothing() {
    let bytes = fs::read(fixture("function-calling.traj")).expect("readable");
    let mut document: Value = serde_json::from_slice(&bytes).expect("JSON");
    let before = parse(Path::new("a.traj"), &bytes).expect("well-formed");
    document["a key of tomorrow"] = json!({"trajectory": 1});
    document["trajectory"][0]["a key of tomorrow"] = json!([1]);
    document["info"]["a key of tomorrow"] = json!(null);
    assert_eq!(parse(Path::new("a.traj"), document.to_string().as_bytes()).expect("well-formed"), before);
}

#[test]
fn a_seed_gives_the_same_corpus_and_another_seed_another() {
    for profile in [EpisodeStyle::SweAgent, EpisodeStyle::Conversation] {
        let corpus = generate(1, 20, profile);
        assert_eq!(corpus, generate(1, 20, profile));
        assert_eq!(corpus[..7], generate(1, 7, profile)[..], "an episode does not depend on how many are made");
        assert!(Generator::new(1, profile).take(20).eq(corpus.iter().cloned()));
        let other = generate(2, 20, profile);
        assert!(corpus.iter().zip(&other).all(|(one, other)| one.steps != other.steps));
    }
}

/// The bytes of a seed are part of every stored baseline: they must be the same on every machine.
#[test]
fn a_seed_gives_the_same_bytes_everywhere() {
    golden("generated-swe-agent.json", &pretty(&generate(3, 2, EpisodeStyle::SweAgent)));
    golden("generated-conversation.json", &pretty(&generate(3, 1, EpisodeStyle::Conversation)));
    golden("generated-swe-agent.shape", &shape(&generate(1, 1000, EpisodeStyle::SweAgent)).to_string());
}

#[test]
fn generated_episodes_are_whole() {
    for profile in [EpisodeStyle::SweAgent, EpisodeStyle::Conversation] {
        let mut outcomes = std::collections::BTreeSet::new();
        for script in generate(5, 500, profile) {
            assert!(!script.start.task.is_empty() && !script.steps.is_empty());
            assert!(script.steps.iter().all(|step| !step.tool.is_empty() && !step.action.is_empty()));
            assert!(script.steps.iter().all(|step| !step.action.contains('$') && step.latency_ns > 0));
            outcomes.insert(script.outcome.name());
        }
        assert_eq!(outcomes.len(), if profile == EpisodeStyle::SweAgent { 4 } else { 1 });
    }
}

#[test]
fn a_generated_corpus_goes_through_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("corpus.jsonl");
    let scripts = [generate(9, 10, EpisodeStyle::SweAgent), generate(9, 10, EpisodeStyle::Conversation)].concat();
    let corpus = episodes::corpus::Corpus { source: "two generators".to_owned(), scripts };
    episodes::corpus::write(&path, &corpus).expect("writable");
    assert_eq!(episodes::corpus::read(&path).expect("readable"), corpus);
}

#[test]
fn generated_coding_episodes_are_near_the_recorded_ones() {
    let Some(paths) = recorded() else { return };
    let recorded = shape(&import(&paths, OnMalformed::Refuse).expect("well-formed").scripts);
    for seed in 1..=5 {
        let comparison = shape(&generate(seed, 1000, EpisodeStyle::SweAgent)).compare(&recorded);
        assert!(comparison.is_near(), "seed {seed}\n{comparison}");
    }
    let comparison = shape(&generate(1, 1000, EpisodeStyle::Conversation)).compare(&recorded);
    assert!(!comparison.is_near(), "conversations are nothing like it, and the comparison must see that\n{comparison}");
}

/// Figures of LoCoMo, as in the generator's documentation.
#[test]
fn generated_conversations_have_the_published_sizes() {
    let shape = shape(&generate(1, 1000, EpisodeStyle::Conversation));
    let (steps, bytes) = (shape.steps_per_episode, shape.bytes_per_step);
    let published = [
        (steps.mean, 21.6),
        (steps.p50 as f64, 20.0),
        (steps.p90 as f64, 31.0),
        (steps.p99 as f64, 43.0),
        (bytes.mean, 124.0),
        (bytes.p50 as f64, 109.0),
        (bytes.p90 as f64, 220.0),
        (bytes.p99 as f64, 331.0),
    ];
    for (value, published) in published {
        assert!((value - published).abs() <= 0.05 * published, "{value} is too far from {published}");
    }
}

fn script(payloads: &[(&str, &str)]) -> Script {
    let mut script = generate(1, 1, EpisodeStyle::Conversation).remove(0);
    let step = script.steps[0].clone();
    let steps = payloads.iter().map(|(action, observation)| memory::NewStep {
        tool: action.to_string(),
        action: action.to_string(),
        observation: observation.to_string(),
        ..step.clone()
    });
    script.steps = steps.collect();
    script
}

#[test]
fn a_shape_counts_what_is_there() {
    let large = "x".repeat(10_000);
    let corpus = [script(&[("a", "12"), ("b", "1234")]), script(&[("a", &large), ("a", &large), ("a", "12")])];
    let shape = shape(&corpus);
    assert_eq!((shape.episodes, shape.steps), (2, 5));
    assert_eq!((shape.steps_per_episode.mean, shape.steps_per_episode.p50, shape.steps_per_episode.max), (2.5, 2, 3));
    // An action, a line break and an observation.
    assert_eq!((shape.bytes_per_step.p10, shape.bytes_per_step.p50, shape.bytes_per_step.p90), (4, 6, 10_002));
    assert_eq!(shape.bytes_per_step.mean, f64::from(4 + 6 + 10_002 + 10_002 + 4) / 5.0);
    assert_eq!(shape.tools, [("a".to_owned(), 0.8), ("b".to_owned(), 0.2)]);
    assert!(shape.zstd_ratio_whole > shape.zstd_ratio_step && shape.zstd_ratio_step > 50.0);
    // A frame is larger than the few bytes in it.
    assert!(shape.zstd_ratio_step_p50 < 1.0);
}

#[test]
fn comparing_nothing_is_not_near() {
    let nothing = shape(&[]);
    let something = shape(&generate(1, 10, EpisodeStyle::SweAgent));
    assert!(something.compare(&something).is_near());
    assert!(!nothing.compare(&nothing).is_near());
    assert!(!nothing.compare(&something).is_near());
    assert!(!something.compare(&nothing).is_near());
}

#[test]
fn one_statistic_too_far_is_too_far() {
    let base = shape(&generate(1, 100, EpisodeStyle::SweAgent));
    let changed: [fn(&mut Shape, f64); 4] = [
        |shape, by| shape.steps_per_episode.mean *= by,
        |shape, by| shape.bytes_per_step.mean *= by,
        |shape, by| shape.zstd_ratio_step *= by,
        |shape, by| shape.zstd_ratio_whole *= by,
    ];
    for change in changed {
        for (by, near) in
            [(1.0 + TOLERANCE * 0.99, true), (1.0 + TOLERANCE * 1.01, false), (1.0 - TOLERANCE * 1.01, false)]
        {
            let mut shape = base.clone();
            change(&mut shape, by);
            assert_eq!(shape.compare(&base).is_near(), near);
        }
    }
}

#[test]
fn a_comparison_is_printed_with_its_verdict() {
    let one = shape(&generate(1, 200, EpisodeStyle::SweAgent));
    let other = shape(&generate(2, 200, EpisodeStyle::SweAgent));
    let conversations = shape(&generate(1, 200, EpisodeStyle::Conversation));
    golden("comparisons.txt", &format!("{}\n{}", one.compare(&other), conversations.compare(&one)));
}
