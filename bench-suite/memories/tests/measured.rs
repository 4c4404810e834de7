//! Small memories of known faults are measured as what they are: `shelf.py`, over MCP and HTTP.

use std::path::{Path, PathBuf};
use std::time::Duration;

use memories::adapter::{self, MemoryAdapter};
use memories::measure::{self, MemoryPlan, ProgramPlaces};
use memories::results::{CallsPerOperation, Durable, MeasuredMemory};

const OVER_MCP: &str = r#"
protocol = "mcp"
start = "python3 {{programs}}/shelf.py mcp OPTIONS"

[[ingest]]
tool = "add"
arguments = { key = "{{key}}", text = "{{task}}" }

[search]
tool = "find"
arguments = { text = "{{query}}", limit = "{{k}}" }
found = "/found"

[[clear]]
each = true
tool = "remove"
arguments = { key = "{{key}}" }
"#;

const OVER_HTTP: &str = r#"
protocol = "http"
start = "python3 {{programs}}/shelf.py {{port}} OPTIONS"

[[ingest]]
path = "/add"
body = { key = "{{key}}", text = "{{task}}" }
take = { book = "/book/id" }

[search]
path = "/find"
body = { text = "{{query}}", limit = "{{k}}" }
found = "/found"

[[clear]]
each = true
method = "DELETE"
path = "/remove/{{book}}"
"#;

const INDEXED: &str = "\n[indexed]\npath = \"/count\"\nuntil = { \"/books\" = \"{{stored}}\" }\n";

const MODEL: &str = "\n[model]\ndimensions = 8\n";

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn read(text: &str) -> MemoryAdapter {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shelf.toml");
    let head = "schema = 1\nname = \"shelf\"\nversion = \"1.2\"\nabout = \"a shelf\"\ndefaults = \"all\"\n";
    std::fs::write(&file, format!("{head}{text}")).expect("written");
    adapter::read(&file).expect("an adapter")
}

fn measured(text: &str) -> MeasuredMemory {
    let plan = MemoryPlan {
        sizes: vec![8, 20],
        queries: 5,
        rate: 1_000.0,
        k: 3,
        seed: 7,
        model_delay: Duration::ZERO,
        places: ProgramPlaces { installed: tests(), programs: tests() },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(measure::measure(read(text), &plan))
}

fn whole(text: &str) -> MeasuredMemory {
    let memory = measured(text);
    assert_eq!(memory.failed, None);
    memory
}

#[test]
fn a_memory_that_keeps_and_finds_everything_is_said_to_and_its_model_is_counted() {
    let options = "file={{folder}}/books.json model={{model_url}}";
    let over_mcp = whole(&(OVER_MCP.replace("OPTIONS", options) + MODEL));
    let over_http = whole(&(OVER_HTTP.replace("OPTIONS", options) + MODEL));
    assert_eq!(over_mcp.says_it_is.as_deref(), Some("shelf 1.2"));
    assert_eq!(over_http.says_it_is, None);
    for memory in [over_mcp, over_http] {
        let [small, large] = &memory.sizes[..] else { panic!("{memory:?}") };
        for size in [small, large] {
            assert_eq!((size.recall_known, size.recall_reworded), (1.0, 1.0), "{size:?}");
            assert_eq!(size.ingest.model, CallsPerOperation { chats: 1.0, embeddings: 2.0, texts: 3.0 });
            assert_eq!(size.search.model, CallsPerOperation { chats: 0.0, embeddings: 1.0, texts: 1.0 });
            let counts = [size.search.alone, size.search.at_rate].map(|times| times.expect("searches").count);
            assert_eq!(counts, [10, 10]);
        }
        let ingests = [small, large]
            .map(|size| [size.ingest.alone, size.ingest.at_rate].map(|times| times.expect("ingests").count));
        assert_eq!(ingests, [[4, 4], [7, 5]]);
        assert!(memory.growth.is_some() && large.search.offered.is_some());
        assert_eq!(memory.cleared, Some(true));
        assert_eq!(memory.kept.expect("was killed").durable(), Durable::Yes);
    }
}

#[test]
fn a_memory_that_forgets_has_the_recall_of_what_is_left() {
    for text in [OVER_MCP, OVER_HTTP] {
        let memory = whole(&text.replace("OPTIONS", "forget=3"));
        // Of the episodes 0, 2, 4 .. 18, it has forgotten 0, 6, 12 and 18.
        assert_eq!(memory.sizes[1].recall_known, 0.6);
        assert_eq!(memory.sizes[1].recall_reworded, 0.6);
    }
}

#[test]
fn a_memory_that_loses_with_its_process_is_said_to() {
    let kept = |options| whole(&OVER_MCP.replace("OPTIONS", options)).kept.expect("was killed");
    let gone = kept("");
    assert_eq!((gone.settled_before, gone.settled_after, gone.last_after), (10, 0, 0));
    assert_eq!(gone.durable(), Durable::No);
    let some = kept("file={{folder}}/books.json every=15");
    assert_eq!((some.settled_before, some.settled_after, some.last_after), (10, 10, 5));
    assert_eq!(some.durable(), Durable::Partly);
}

#[test]
fn searches_wait_until_everything_is_indexed() {
    let options = OVER_HTTP.replace("OPTIONS", "lag=3 file={{folder}}/books.json");
    let waited = whole(&format!("{options}{INDEXED}"));
    assert_eq!(waited.sizes[1].recall_known, 1.0);
    assert!(waited.sizes[1].indexed_ns.is_some());
    // Without the call, nothing is found at all: the memory is as slow as it was made.
    let hasty = whole(&options);
    assert_eq!((hasty.sizes[1].recall_known, hasty.sizes[1].indexed_ns), (0.0, None));
    assert_eq!(hasty.kept.expect("was killed").durable(), Durable::Unknown);
}

#[test]
fn calls_to_the_model_while_everything_is_indexed_are_those_of_storing() {
    let options = "file={{folder}}/books.json lag=3 late={{model_url}}";
    let memory = whole(&(OVER_HTTP.replace("OPTIONS", options) + INDEXED + MODEL));
    for size in &memory.sizes {
        assert_eq!(size.ingest.model, CallsPerOperation { chats: 0.0, embeddings: 1.0, texts: 1.0 });
        assert_eq!(size.search.model, CallsPerOperation { chats: 0.0, embeddings: 0.0, texts: 0.0 });
    }
}

#[test]
fn a_memory_that_is_not_cleared_is_said_to_find_what_was_stored() {
    let text =
        OVER_MCP.replace("OPTIONS", "").replace("arguments = { key = \"{{key}}\" }", "arguments = { key = \"none\" }");
    assert_eq!(whole(&text).cleared, Some(false));
}

#[test]
fn what_fails_ends_the_measurement_with_its_reason() {
    let why = |text: &str| measured(text).failed.expect("it failed");
    let silent = why(&OVER_MCP.replace("python3", "sh -c 'echo the shelf is full >&2; exit 3'"));
    assert!(silent.contains("shelf can't be asked, and wrote `the shelf is full`"), "{silent}");
    let silent = why(&OVER_HTTP.replace("python3", "sh -c 'echo the port is taken >&2; exit 3'"));
    assert!(silent.contains("before it accepted a connection: the port is taken"), "{silent}");
    let missing = why(&OVER_MCP.replace("python3", "/no/such/python"));
    assert!(missing.starts_with("is shelf installed? --install does it: can't start"), "{missing}");
    let refused = why(&OVER_MCP.replace("OPTIONS", "").replace("text = \"{{task}}\"", "pages = 3"));
    assert!(refused.starts_with("at 8 episodes: ingest: `add` failed: no: "), "{refused}");
    let refused = why(&OVER_HTTP.replace("OPTIONS", "").replace("text = \"{{task}}\"", "pages = 3"));
    assert!(refused.starts_with("at 8 episodes: ingest: `POST /add` failed: status 500: {\"error\""), "{refused}");
    let elsewhere = why(&OVER_MCP.replace("OPTIONS", "").replace("\"/found\"", "\"/books\""));
    assert!(elsewhere.contains("search: found: there is nothing at /books in {\"found\":"), "{elsewhere}");
}

#[test]
fn a_service_that_runs_already_is_emptied_first_and_not_killed() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = free.expect("a port").port().to_string();
    let leftover = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&leftover, r#"[{"leftover-000001": "a book"}, []]"#).expect("written");
    let mut command = std::process::Command::new("python3");
    command.arg(tests().join("shelf.py")).arg(&port).arg(format!("file={}", leftover.path().display()));
    let mut service = harness::process_group::ProcessGroup::start(command, "shelf.py").expect("starts");
    service.accept_on(port.parse().expect("a number")).expect("answers");
    let start = OVER_HTTP.lines().find(|line| line.starts_with("start")).expect("a line");
    let text = OVER_HTTP.replace(start, &format!("url = \"http://127.0.0.1:{port}\""));
    let text = text + "\n[[reset]]\nmethod = \"POST\"\npath = \"/empty\"\n" + INDEXED;
    // Its count is never that of the stored episodes if there is another book.
    let memory = whole(&text);
    assert_eq!((memory.sizes[1].recall_known, memory.kept), (1.0, None));
    assert!(service.head().try_wait().expect("asked").is_none(), "it runs on");
}
