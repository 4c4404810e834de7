//! The tools: each makes a command line of its arguments, and an answer of what the command printed.
//!
//! Commands that build or measure run one after the other: two at a time would disturb each other's times.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reports::JudgedReport;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::schema_for_output;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler, tool, tool_handler, tool_router};
use tokio::sync::Mutex;

use crate::child::{self, FinishedCommand};
use crate::explain;
use crate::gate_answer::{self, GateAnswer, messages, shortened};
use crate::input::{
    CompareInput, ExplainInput, GateInput, ListInput, MeasuredLane, ReportFormat, ReportInput, budget, inside, word,
};

/// The most time of building two sides, beside that of measuring.
const BUILDS: Duration = Duration::from_secs(30 * 60);
/// The most time of reading a stored run.
const READING: Duration = Duration::from_secs(2 * 60);
/// The most lines of a report or a list.
const LINES_MAX: usize = 600;

type Answer = Result<CallToolResult, String>;
type Request = RequestContext<RoleServer>;

/// The most time of measuring two sides with a budget, and of building them: causes may take half as long again.
fn measuring(seconds: u64) -> Duration {
    BUILDS + Duration::from_secs(seconds) * 3 / 2
}

/// The tools of one project.
pub struct Tools {
    program: PathBuf,
    folder: PathBuf,
    /// Held by what builds or measures; the last judged report is inside.
    turn: Arc<Mutex<Option<JudgedReport>>>,
    router: ToolRouter<Tools>,
}

#[tool_router]
impl Tools {
    /// The tools of `program`, the command, in a canonical folder.
    pub fn new(program: PathBuf, folder: PathBuf) -> Tools {
        Tools { program, folder, turn: Arc::default(), router: Tools::tool_router() }
    }

    #[tool(description = "Judge if a change made any benchmark slower. Call it after you changed code that benchmarks \
        cover, before you commit or claim a speed-up: `against: \"HEAD\"` judges what is not committed yet. It builds both \
        sides, counts instructions under valgrind and times both in turn; minutes, so narrow it with `filter` first. Only \
        the outcome `passed` is a pass; after `regressed` call `explain`.",
        output_schema = schema_for_output::<GateAnswer>())]
    async fn gate(&self, Parameters(input): Parameters<GateInput>, request: Request) -> Answer {
        let GateInput { against, filter, package, lane, budget_seconds } = input;
        let mut arguments = vec!["gate".to_owned(), "--format=json".to_owned()];
        let mut limit = BUILDS;
        if let Some(against) = against {
            let seconds = budget(budget_seconds)?;
            limit = measuring(seconds);
            arguments.push(format!("--against={}", word("against", &against)?));
            arguments.push(format!("--budget={seconds}"));
        } else if budget_seconds.is_some() {
            return Err("`budget_seconds` needs `against`: a stored baseline has exact counts alone".to_owned());
        }
        if let Some(package) = package {
            arguments.push(format!("--package={}", word("package", &package)?));
        }
        match lane {
            Some(MeasuredLane::Counts) => arguments.push("--lane=counts".to_owned()),
            Some(MeasuredLane::Time) => arguments.push("--lane=time".to_owned()),
            None => {}
        }
        if let Some(filter) = filter {
            arguments.push(word("filter", &filter)?);
        }
        self.judged(&arguments, limit, &request).await
    }

    #[tool(description = "Compare two revisions, two stored runs, or what other tools left (criterion, gungraun, \
        hyperfine, goose). Revisions are built and measured in turn, so times are judged. Of stored runs only exact \
        counts are judged, and times are shown. Use it for two points of the history; for your own change use `gate`.",
        output_schema = schema_for_output::<GateAnswer>())]
    async fn compare(&self, Parameters(input): Parameters<CompareInput>, request: Request) -> Answer {
        let CompareInput { base, new, filter, budget_seconds } = input;
        let seconds = budget(budget_seconds)?;
        let mut arguments = vec!["compare".to_owned(), "--format=json".to_owned(), format!("--budget={seconds}")];
        if let Some(filter) = filter {
            arguments.push(format!("--only={}", word("filter", &filter)?));
        }
        arguments.push(inside("base", &base, &self.folder)?);
        arguments.push(inside("new", &new, &self.folder)?);
        self.judged(&arguments, measuring(seconds), &request).await
    }

    #[tool(
        description = "Explain one changed case of the last `gate` or `compare`, or else of the latest stored run: the \
        functions that cost more or less, if they were called more often or became costlier per call, and whose doing it is \
        (your code, a dependency, the toolchain, or only the compiler). Call it after `regressed`, before you change code.",
        annotations(read_only_hint = true)
    )]
    async fn explain(&self, Parameters(input): Parameters<ExplainInput>, request: Request) -> Answer {
        let ExplainInput { benchmark, metric } = input;
        let last = self.turn.lock().await.clone();
        let report = match last {
            Some(report) => report,
            None => {
                let arguments = ["report", "latest", "--format=json"].map(str::to_owned);
                let ended = self.run(&arguments, READING, &request).await?;
                succeeded(&ended)?;
                JudgedReport::read(&ended.output).ok_or("the latest run has no report: call `gate` first")?
            }
        };
        explain::explain(&report, benchmark.as_deref(), metric.as_deref()).map(text)
    }

    #[tool(
        description = "Read the report of a stored run, with its verdict if it was judged: every measured value as \
        tables, or the comment for a pull request. Nothing is measured.",
        annotations(read_only_hint = true)
    )]
    async fn report(
        &self,
        Parameters(ReportInput { run, format }): Parameters<ReportInput>,
        request: Request,
    ) -> Answer {
        let format = match format {
            ReportFormat::Text => "text",
            ReportFormat::Markdown => "markdown",
        };
        let arguments = ["report".to_owned(), format!("--format={format}"), inside("run", &run, &self.folder)?];
        let ended = self.run(&arguments, READING, &request).await?;
        succeeded(&ended)?;
        Ok(text(shortened(&ended.output, LINES_MAX)))
    }

    #[tool(
        description = "List the benchmarks of the project, a line each: program and name. Call it first, to see what \
        is covered and to choose a `filter` for `gate`. The benches are built for it.",
        annotations(read_only_hint = true)
    )]
    async fn list(&self, Parameters(ListInput { filter }): Parameters<ListInput>, request: Request) -> Answer {
        let mut arguments = vec!["run".to_owned(), "--list".to_owned()];
        if let Some(filter) = filter {
            arguments.push(word("filter", &filter)?);
        }
        let _turn = self.turn.lock().await;
        let ended = self.run(&arguments, BUILDS, &request).await?;
        let left_out = ended.progress.iter().filter(|line| line.starts_with("skipped: "));
        let left_out: String = left_out.map(|line| format!("{line}\n")).collect();
        if ended.output.is_empty() {
            succeeded(&ended)?;
            return Err(format!("no benchmark matches\n{left_out}"));
        }
        Ok(text(format!("{}{left_out}", shortened(&ended.output, LINES_MAX))))
    }

    /// Runs a command that judges, and keeps its report for `explain`.
    async fn judged(&self, arguments: &[String], limit: Duration, request: &Request) -> Answer {
        let mut last = self.turn.lock().await;
        let ended = self.run(arguments, limit, request).await?;
        let report = JudgedReport::read(&ended.output);
        let (said, fields) = gate_answer::answer(&ended, report.as_ref())?;
        *last = report.or(last.take());
        let mut answer = text(said);
        answer.structured_content = Some(serde_json::to_value(&fields).map_err(|error| error.to_string())?);
        Ok(answer)
    }

    async fn run(&self, arguments: &[String], limit: Duration, request: &Request) -> Result<FinishedCommand, String> {
        child::run(&self.program, &self.folder, arguments, limit, request).await
    }
}

#[tool_handler(
    router = self.router,
    name = "assay",
    instructions = "Assay judges what a change did to the benchmarks of this project: exactly where it can be counted, \
        in interleaved rounds where it must be timed, with the function that did it. Usual order: `list`, then `gate` with \
        a `filter` and `against: \"HEAD\"`, then `explain`. Do not claim a speed-up that no `gate` or `compare` shows."
)]
impl ServerHandler for Tools {}

fn text(said: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(said)])
}

/// The messages of a command that failed, as an error.
fn succeeded(ended: &FinishedCommand) -> Result<(), String> {
    match ended.code {
        0 | 4 => Ok(()),
        code => Err(format!("failed (exit code {code})\n{}", messages(&ended.progress).join("\n"))),
    }
}
