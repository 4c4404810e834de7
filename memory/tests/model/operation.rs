//! Random operations: few different words, so that things meet; and text that is awkward for codecs, SQL and
//! compressors.

use std::collections::BTreeMap;

use memory::{Complexity, NewStep, Outcome, Query, StartEpisode, StepStatus, TaskContext};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One call to the memory. An index chooses among the episodes started so far; without any, an unknown id stands in.
#[derive(Debug, Clone)]
pub enum Operation {
    Start(StartEpisode),
    Log(Index, NewStep),
    Complete(Index, Outcome),
    Delete(Index),
    /// At most so many, at most so old.
    Retain(Option<usize>, Option<u64>),
    Get(Index),
    GetUnknown,
    GetMany(Vec<Index>),
    Metadata(String, String),
    Task(String, String, usize),
    Retrieve(Query),
    Patterns,
    Stats,
    Flush,
    Reopen,
}

pub const KEYS: &[&str] = &["team", "run", "", "a\"b", "\u{43a}\u{43b}\u{44e}\u{447}", "$.x[0]", "team'); --"];
pub const VALUES: &[&str] = &["", "x", "X", "1", "'; drop table episodes; --", "\0nul", "%", "\u{1f980}"];
const WORDS: &[&str] = &["fix", "the", "parser", "web", "server", "test", "slow", "\u{dc}ber", "again"];
pub const DOMAINS: &[&str] = &["web", "cli", ""];
const TOOLS: &[&str] = &["shell", "edit", "test", "search", ""];

/// Sequences of up to `most` operations.
pub fn sequences(most: usize) -> impl Strategy<Value = Vec<Operation>> {
    vec(operation(), 1..=most)
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => start().prop_map(Operation::Start),
        12 => (any::<Index>(), step()).prop_map(|(index, step)| Operation::Log(index, step)),
        4 => (any::<Index>(), outcome()).prop_map(|(index, outcome)| Operation::Complete(index, outcome)),
        2 => any::<Index>().prop_map(Operation::Delete),
        1 => (option::of(0..4usize), option::of(0..30u64)).prop_map(|(most, age)| Operation::Retain(most, age)),
        4 => any::<Index>().prop_map(Operation::Get),
        1 => Just(Operation::GetUnknown),
        1 => vec(any::<Index>(), 0..5).prop_map(Operation::GetMany),
        2 => (select(KEYS), select(VALUES)).prop_map(|(key, value)| Operation::Metadata(key.to_owned(), value.to_owned())),
        2 => (word(DOMAINS), word(DOMAINS), 0..4usize).prop_map(|(kind, domain, limit)| Operation::Task(kind, domain, limit)),
        3 => query().prop_map(Operation::Retrieve),
        1 => Just(Operation::Patterns),
        1 => Just(Operation::Stats),
        1 => Just(Operation::Flush),
        1 => Just(Operation::Reopen),
    ]
}

fn start() -> impl Strategy<Value = StartEpisode> {
    (text(), word(DOMAINS), context(), metadata()).prop_map(|(task, task_type, context, metadata)| StartEpisode {
        task,
        task_type,
        context,
        metadata,
    })
}

fn context() -> impl Strategy<Value = TaskContext> {
    let complexity = select(&[Complexity::Simple, Complexity::Moderate, Complexity::Complex][..]);
    (option::of(word(WORDS)), option::of(word(WORDS)), word(DOMAINS), complexity, vec(word(WORDS), 0..4)).prop_map(
        |(language, framework, domain, complexity, tags)| TaskContext { language, framework, domain, complexity, tags },
    )
}

fn metadata() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(word(KEYS), word(VALUES), 0..4)
}

fn step() -> impl Strategy<Value = NewStep> {
    let status = prop_oneof![3 => Just(StepStatus::Ok), 1 => Just(StepStatus::Error)];
    let latency = prop_oneof![Just(0), Just(u64::MAX >> 1), 1..1_000_000u64];
    (word(TOOLS), word(WORDS), metadata(), observation(), status, latency, option::of(any::<u32>())).prop_map(
        |(tool, action, parameters, observation, status, latency_ns, tokens)| NewStep {
            tool,
            action,
            parameters,
            observation,
            status,
            latency_ns,
            tokens,
        },
    )
}

/// Short, empty and awkward ones, and some that are long: alike in themselves, or not.
fn observation() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => text(),
        1 => word(VALUES),
        1 => Just("error: 17 of 20 tests failed in /srv/app".to_owned()),
        1 => (100..3_000usize).prop_map(|len| "a line of output\n".chars().cycle().take(len).collect()),
        1 => "\\PC{50,400}",
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        2 => text().prop_map(|verdict| Outcome::Success { verdict }),
        1 => (text(), vec(text(), 0..3), vec(text(), 0..3))
            .prop_map(|(verdict, done, failed)| Outcome::Partial { verdict, done, failed }),
        1 => text().prop_map(|reason| Outcome::Failure { reason }),
        1 => text().prop_map(|reason| Outcome::Abstained { reason }),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    (text(), option::of(context()), 0..6usize).prop_map(|(text, context, limit)| Query { text, context, limit })
}

fn text() -> impl Strategy<Value = String> {
    vec(select(WORDS), 0..6).prop_map(|words| words.join(" "))
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(words).prop_map(str::to_owned)
}
