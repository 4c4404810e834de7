//! All memories side by side, in Markdown: a terminal shows it as well as a document does.

use crate::results::{Durable, Kept, LatencyTimes, MeasuredMemory, MeasuredOperation, MeasuredSize, MemoriesFile};

const OPERATIONS: [&str; 11] = [
    "memory",
    "episodes",
    "ingest p50",
    "p95",
    "search p50",
    "p95",
    "alone p50",
    "known",
    "reworded",
    "calls per ingest",
    "calls per search",
];
const SUMMARIES: [&str; 4] = ["memory", "search latency by size", "after a kill", "after clear"];

/// The table, what it says, and what each memory is.
pub fn render(file: &MemoriesFile) -> String {
    let MemoriesFile { rate, k, queries, model_delay_ns, seed, .. } = file;
    let rows = file.memories.iter().flat_map(|memory| memory.sizes.iter().map(|size| row(memory, size)));
    let mut text = markdown(&OPERATIONS, &rows.collect::<Vec<_>>());
    text.push('\n');
    text.push_str(&markdown(&SUMMARIES, &file.memories.iter().map(summary).collect::<Vec<_>>()));
    let (queries, delay) = (2 * queries, *model_delay_ns as f64 / 1e6);
    text.push_str(&format!(
        "\n- ingest, search: ms from the intended start to the answer, at {rate} per second; * could not keep up\n\
         - alone: ms of one search after the other\n\
         - known, reworded: recall at {k}; {queries} queries of each kind and size, seed {seed}\n\
         - calls: to the model, chat + embedding; the stand-in takes {delay} ms an answer\n\
         - after a kill: of episodes that were stored before it\n\n"
    ));
    for memory in &file.memories {
        text.push_str(&described(memory));
    }
    text
}

fn row(memory: &MeasuredMemory, size: &MeasuredSize) -> Vec<String> {
    let calls = |operation: &MeasuredOperation| match memory.asks_a_model {
        true => format!("{} + {}", number(operation.model.chats), number(operation.model.embeddings)),
        false => "none".to_owned(),
    };
    let [ingest, search] = [&size.ingest, &size.search].map(at_rate);
    let identity = [memory.name.clone(), size.stored.to_string()];
    let alone = size.search.alone.map_or_else(|| "-".to_owned(), |times| ms(times.p50));
    let recall = [size.recall_known, size.recall_reworded].map(|recall| format!("{recall:.3}"));
    let calls = [calls(&size.ingest), calls(&size.search)];
    [&identity[..], &ingest, &search, &[alone], &recall, &calls].concat()
}

/// The median and the 95th percentile.
fn at_rate(operation: &MeasuredOperation) -> [String; 2] {
    let Some(LatencyTimes { p50, p95, .. }) = operation.at_rate else { return ["-", "-"].map(str::to_owned) };
    let mark = if operation.kept_up() { "" } else { "*" };
    [ms(p50), format!("{}{mark}", ms(p95))]
}

fn summary(memory: &MeasuredMemory) -> Vec<String> {
    let growth = match (memory.growth, &memory.sizes[..]) {
        (Some(growth), [first, .., last]) => {
            let (from, to) = (first.stored, last.stored);
            format!("{:.2} times from {from} to {to}, exponent {:.2}", growth.ratio, growth.exponent)
        }
        _ => "-".to_owned(),
    };
    let cleared = match memory.cleared {
        Some(true) => "empty",
        Some(false) => "still finds what was stored",
        None => "-",
    };
    let kept = memory.kept.map_or_else(|| "-".to_owned(), kept);
    vec![memory.name.clone(), growth, kept, cleared.to_owned()]
}

fn kept(kept: Kept) -> String {
    let Kept { asked, settled_before, settled_after, last_after } = kept;
    match kept.durable() {
        Durable::Yes => "all is there".to_owned(),
        Durable::No => "not durable: nothing is there".to_owned(),
        Durable::Partly => format!(
            "partly durable: {settled_after} of {settled_before} found before, {last_after} of the last {asked}"
        ),
        Durable::Unknown => "unknown: nothing was found before either".to_owned(),
    }
}

fn described(memory: &MeasuredMemory) -> String {
    let says = memory.says_it_is.as_ref().map_or_else(String::new, |says| format!(", says it is {says}"));
    let mut text =
        format!("- **{}** {} over {}{says}: {}.\n", memory.name, memory.version, memory.protocol, memory.about);
    text.push_str(&format!("  - defaults: {}\n", memory.defaults));
    for line in &memory.install {
        text.push_str(&format!("  - install: `{line}`\n"));
    }
    if let Some(line) = &memory.start {
        text.push_str(&format!("  - start: `{line}`\n"));
    }
    if let Some(why) = &memory.failed {
        text.push_str(&format!("  - **failed**: {why}\n"));
    }
    text
}

/// Nanoseconds as milliseconds, with three digits or more.
fn ms(ns: f64) -> String {
    match ns / 1e6 {
        ms if ms < 10.0 => format!("{ms:.2}"),
        ms if ms < 100.0 => format!("{ms:.1}"),
        ms => format!("{ms:.0}"),
    }
}

/// A number of calls, without digits that say nothing.
fn number(calls: f64) -> String {
    format!("{calls:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A table whose columns are as wide as their cells.
fn markdown(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].as_str()).chain([header[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.enumerate().map(|(column, cell)| format!(" {cell:<0$} |", width(column)));
        format!("|{}\n", cells.collect::<String>())
    };
    let rule: String = (0..header.len()).map(|column| format!("{}|", "-".repeat(width(column) + 2))).collect();
    let lines: String = rows.iter().map(|row| line(&mut row.iter().map(String::as_str))).collect();
    line(&mut header.iter().copied()) + &format!("|{rule}\n") + &lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{CallsPerOperation, LatencyGrowth};

    fn operation(p50: f64, answered: f64) -> MeasuredOperation {
        let times = Some(LatencyTimes { count: 4, p50, p95: 2.0 * p50, max: 3.0 * p50 });
        let model = CallsPerOperation { chats: 1.0, embeddings: 2.5, texts: 2.5 };
        MeasuredOperation { alone: times, at_rate: times, offered: Some(5.0), answered: Some(answered), model }
    }

    #[test]
    fn the_table_says_what_a_memory_can_do_and_what_it_is() {
        let size = |stored, p50, answered| MeasuredSize {
            stored,
            ingest: operation(p50, answered),
            indexed_ns: None,
            search: operation(2.0 * p50, answered),
            recall_known: 1.0,
            recall_reworded: 0.25,
        };
        let memory = MeasuredMemory {
            name: "shelf".to_owned(),
            version: "1.2".to_owned(),
            says_it_is: Some("shelf 1.2.1".to_owned()),
            about: "books in rows".to_owned(),
            defaults: "all as installed".to_owned(),
            install: vec!["get shelf".to_owned()],
            start: Some("shelf {{port}}".to_owned()),
            protocol: "http",
            asks_a_model: true,
            sizes: vec![size(100, 1e6, 5.0), size(1_000, 123e6, 1.0)],
            growth: Some(LatencyGrowth { ratio: 10.0, exponent: 1.0 }),
            cleared: Some(false),
            kept: Some(Kept { asked: 10, settled_before: 10, settled_after: 10, last_after: 3 }),
            failed: None,
        };
        let silent = MeasuredMemory {
            name: "mute".to_owned(),
            says_it_is: None,
            asks_a_model: false,
            sizes: Vec::new(),
            growth: None,
            cleared: None,
            kept: None,
            failed: Some("it does not start".to_owned()),
            ..memory.clone()
        };
        let memories = vec![memory, silent];
        let file =
            MemoriesFile { assay_memories: 1, seed: 7, rate: 5.0, k: 10, queries: 2, model_delay_ns: 0, memories };
        let golden = include_str!("table.txt");
        let text = render(&file);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/table.txt"), &text).unwrap();
            return;
        }
        assert_eq!(text, golden, "UPDATE_GOLDEN=1 writes it anew");
    }
}
