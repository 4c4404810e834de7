//! Shell scripts as workers, honest except for what a test changes.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A worker and its flaw.
#[derive(Clone, Copy)]
pub struct Script<'a> {
    /// The time of a slice, without the jitter.
    pub time_ns: u64,
    /// The time that is added for extra work.
    pub extra_ns: i64,
    /// An expression of the shell that is added to each time; `$n` counts the answers.
    pub jitter: &'a str,
    /// Run before it is ready.
    pub start: &'a str,
    /// Run before each slice's answer.
    pub before_answer: &'a str,
    /// The version of the protocol that it claims.
    pub protocol: u32,
    /// The case that it claims.
    pub case: &'a str,
    /// The input that it claims.
    pub input: &'a str,
    /// The operations that it claims to have done.
    pub operations: &'a str,
    /// More fields of each slice's answer.
    pub more: &'a str,
    /// Its last answer.
    pub at_end: &'a str,
    /// Run after its last answer.
    pub after_end: &'a str,
}

impl Script<'static> {
    /// A correct worker.
    pub fn honest() -> Script<'static> {
        Script {
            time_ns: 5_000_000,
            extra_ns: 250_000,
            jitter: "(n * 7919 + $$ * 31) % 9973",
            start: ":",
            before_answer: ":",
            protocol: worker::protocol::VERSION,
            case: "$1",
            input: "generated",
            operations: "$number",
            more: "",
            at_end: r#"{"answer":"end","counters":{}}"#,
            after_end: ":",
        }
    }
}

impl Script<'_> {
    /// Writes the script into a new folder.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let Script {
            time_ns,
            extra_ns,
            jitter,
            start,
            before_answer,
            protocol,
            case,
            input,
            operations,
            more,
            at_end,
            after_end,
        } = self;
        let text = format!(
            r#"#!/bin/sh
cd "${{0%/*}}" || exit 1
extra=0 before=
for argument in "$@"; do
  [ "$before" != --extra-work ] || [ "$argument" = 0000.000 ] || extra={extra_ns}
  before=$argument
done
{start}
echo '{{"answer":"ready","protocol":{protocol},"case":"'"{case}"'","variant":"v","seed":1,"input":"{input}","counted":1}}'
n=0
while read -r word number; do
  n=$((n + 1))
  if [ "$word" = end ]; then
    echo '{at_end}'
    {after_end}
    exit
  fi
  {before_answer}
  t=$(({time_ns} + extra + {jitter}))
  echo '{{"answer":"slice","operations":'"{operations}"',"cpu_ns":'$t',"wall_ns":'$t',"voluntary_switches":0,"involuntary_switches":0,"allocations":1,"allocated_bytes":8{more}}}'
done
"#
        );
        std::fs::create_dir_all(folder).unwrap();
        let path = folder.join("worker");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}
