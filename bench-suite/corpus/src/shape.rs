//! The shape of a corpus: the statistics that decide how much work a memory has with it, and how near two corpora are.
//!
//! Measured is the *payload* of a step: the action, a `key=value` line for every parameter, and the observation.
//! Compressibility is the size before divided by the size after zstd at [`ZSTD_LEVEL`], summed over all steps (each
//! alone) or over all episodes (all payloads as one frame). So small steps count for little, as they do in a store.

use std::collections::BTreeMap;
use std::fmt;

use episodes::api::Script;
use episodes::{NewStep, StepStatus};
use serde::Serialize;
use zstd::bulk::Compressor;

/// The level of zstd in all ratios: its default.
pub const ZSTD_LEVEL: i32 = 3;

/// The allowed distance of a generated corpus from an imported one, as a share of the imported one.
pub const TOLERANCE: f64 = 0.20;

/// The distribution of a quantity over a corpus. Quantiles are nearest ranks: each is a value that occurs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Distribution {
    /// The arithmetic mean.
    pub mean: f64,
    /// A tenth of the values are at most this.
    pub p10: u64,
    /// The median.
    pub p50: u64,
    /// Nine tenths of the values are at most this.
    pub p90: u64,
    /// All but a hundredth of the values are at most this.
    pub p99: u64,
    /// The largest value.
    pub max: u64,
}

impl Distribution {
    fn of(mut values: Vec<u64>) -> Distribution {
        values.sort_unstable();
        let Some(max) = values.last().copied() else { return Distribution::default() };
        let rank = |percent: usize| values[(values.len() * percent).div_ceil(100).saturating_sub(1)];
        let mean = values.iter().sum::<u64>() as f64 / values.len() as f64;
        Distribution { mean, p10: rank(10), p50: rank(50), p90: rank(90), p99: rank(99), max }
    }
}

/// The statistics of a corpus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shape {
    /// The number of episodes.
    pub episodes: usize,
    /// The number of steps in all of them.
    pub steps: usize,
    /// Steps in an episode.
    pub steps_per_episode: Distribution,
    /// Bytes in a step's payload.
    pub bytes_per_step: Distribution,
    /// Bytes in a task's text.
    pub bytes_per_task: Distribution,
    /// The zstd ratio of the payloads, each step compressed alone.
    pub zstd_ratio_step: f64,
    /// The same for the median step.
    pub zstd_ratio_step_p50: f64,
    /// The zstd ratio of the payloads, each episode compressed whole.
    pub zstd_ratio_whole: f64,
    /// Steps that failed, as a share of all.
    pub failed: f64,
    /// Steps that have parameters, as a share of all.
    pub with_parameters: f64,
    /// The tools and the share of the steps that used them, the most frequent first.
    pub tools: Vec<(String, f64)>,
}

/// Appends the payload of a step to a buffer.
fn payload(step: &NewStep, out: &mut Vec<u8>) {
    out.extend_from_slice(step.action.as_bytes());
    out.push(b'\n');
    for (key, value) in &step.parameters {
        for part in [key, "=", value, "\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(step.observation.as_bytes());
}

/// Measures a corpus.
///
/// ```
/// use corpus::{generate, shape};
/// let scripts = generate::generate(1, 20, generate::EpisodeStyle::SweAgent);
/// let shape = shape::shape(&scripts);
/// assert_eq!(shape.episodes, 20);
/// assert!(shape.zstd_ratio_whole > shape.zstd_ratio_step);
/// ```
pub fn shape(scripts: &[Script]) -> Shape {
    let mut zstd = Compressor::new(ZSTD_LEVEL).expect("the default level is always valid");
    let mut compressed_size = |bytes: &[u8]| zstd.compress(bytes).expect("the buffer is large enough").len();
    let mut bytes = Vec::new();
    let mut ratios = Vec::new();
    let (mut raw, mut each, mut whole) = (0, 0, 0);
    let (mut failed, mut with_parameters) = (0, 0);
    let mut tools = BTreeMap::<&str, usize>::new();
    let mut episode = Vec::new();
    for script in scripts {
        episode.clear();
        for step in &script.steps {
            let start = episode.len();
            payload(step, &mut episode);
            let alone = &episode[start..];
            let compressed = compressed_size(alone);
            bytes.push(alone.len() as u64);
            raw += alone.len();
            each += compressed;
            ratios.push(ratio(alone.len(), compressed));
            failed += usize::from(step.status == StepStatus::Error);
            with_parameters += usize::from(!step.parameters.is_empty());
            *tools.entry(&step.tool).or_default() += 1;
        }
        whole += compressed_size(&episode);
    }

    let steps = bytes.len();
    let mut tools: Vec<_> = tools.into_iter().map(|(tool, count)| (tool.to_owned(), ratio(count, steps))).collect();
    tools.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ratios.sort_by(f64::total_cmp);
    Shape {
        episodes: scripts.len(),
        steps,
        steps_per_episode: Distribution::of(scripts.iter().map(|script| script.steps.len() as u64).collect()),
        bytes_per_step: Distribution::of(bytes),
        bytes_per_task: Distribution::of(scripts.iter().map(|script| script.start.task.len() as u64).collect()),
        zstd_ratio_step: ratio(raw, each),
        zstd_ratio_step_p50: ratios.get(steps.div_ceil(2).saturating_sub(1)).copied().unwrap_or_default(),
        zstd_ratio_whole: ratio(raw, whole),
        failed: ratio(failed, steps),
        with_parameters: ratio(with_parameters, steps),
        tools,
    }
}

/// A share of a whole; 0 of nothing.
fn ratio(part: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// One statistic of two corpora.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapeRow {
    /// The name in the table.
    pub name: &'static str,
    /// The value of this corpus.
    pub value: f64,
    /// The value of the other corpus.
    pub against: f64,
    /// The two must be near. Otherwise they are only shown.
    pub judged: bool,
}

impl ShapeRow {
    /// The difference as a share of the other value; infinite if only that is zero.
    fn relative(&self) -> f64 {
        if self.value == self.against { 0.0 } else { (self.value - self.against) / self.against.abs() }
    }

    /// The two are near enough.
    fn is_near(&self) -> bool {
        self.relative().abs() <= TOLERANCE
    }
}

/// Two corpora side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapeComparison {
    /// The statistics, those that are judged first.
    pub rows: Vec<ShapeRow>,
    /// The number of episodes on each side.
    pub episodes: (usize, usize),
}

impl ShapeComparison {
    /// Every judged statistic is within [`TOLERANCE`]. Comparing nothing is not near.
    pub fn is_near(&self) -> bool {
        self.episodes.0 > 0 && self.episodes.1 > 0 && self.rows.iter().all(|row| !row.judged || row.is_near())
    }
}

impl Shape {
    /// Compares this corpus with another one.
    pub fn compare(&self, against: &Shape) -> ShapeComparison {
        type Statistic = (&'static str, bool, fn(&Shape) -> f64);
        const STATISTICS: &[Statistic] = &[
            ("steps per episode, mean", true, |shape| shape.steps_per_episode.mean),
            ("steps per episode, p50", true, |shape| shape.steps_per_episode.p50 as f64),
            ("steps per episode, p90", true, |shape| shape.steps_per_episode.p90 as f64),
            ("bytes per step, mean", true, |shape| shape.bytes_per_step.mean),
            ("bytes per step, p50", true, |shape| shape.bytes_per_step.p50 as f64),
            ("bytes per step, p90", true, |shape| shape.bytes_per_step.p90 as f64),
            ("bytes per task, mean", true, |shape| shape.bytes_per_task.mean),
            ("zstd ratio, each step alone", true, |shape| shape.zstd_ratio_step),
            ("zstd ratio, median step", true, |shape| shape.zstd_ratio_step_p50),
            ("zstd ratio, each episode whole", true, |shape| shape.zstd_ratio_whole),
            ("bytes per step, p10", false, |shape| shape.bytes_per_step.p10 as f64),
            ("bytes per step, p99", false, |shape| shape.bytes_per_step.p99 as f64),
            ("steps per episode, max", false, |shape| shape.steps_per_episode.max as f64),
            ("failed steps, part", false, |shape| shape.failed),
            ("steps with parameters, part", false, |shape| shape.with_parameters),
        ];
        let row = |&(name, judged, of): &Statistic| ShapeRow { name, value: of(self), against: of(against), judged };
        ShapeComparison { rows: STATISTICS.iter().map(row).collect(), episodes: (self.episodes, against.episodes) }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} episodes, {} steps", self.episodes, self.steps)?;
        writeln!(f, "{:<18}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}", "", "mean", "p10", "p50", "p90", "p99", "max")?;
        let distributions = [
            ("steps per episode", &self.steps_per_episode),
            ("bytes per step", &self.bytes_per_step),
            ("bytes per task", &self.bytes_per_task),
        ];
        for (name, Distribution { mean, p10, p50, p90, p99, max }) in distributions {
            writeln!(f, "{name:<18}{mean:>9.1}{p10:>9}{p50:>9}{p90:>9}{p99:>9}{max:>9}")?;
        }
        writeln!(
            f,
            "zstd level {ZSTD_LEVEL}: {:.2}x each step alone ({:.2}x the median step), {:.2}x each episode whole",
            self.zstd_ratio_step, self.zstd_ratio_step_p50, self.zstd_ratio_whole
        )?;
        let (failed, with_parameters) = (self.failed * 100.0, self.with_parameters * 100.0);
        writeln!(f, "failed steps {failed:.1}%, steps with parameters {with_parameters:.1}%")?;
        write!(f, "tools:")?;
        for (tool, share) in self.tools.iter().take(16) {
            write!(f, " {tool} {:.1}%", share * 100.0)?;
        }
        let others: f64 = self.tools.iter().skip(16).map(|(_, share)| share).sum();
        if others > 0.0 { writeln!(f, " others {:.1}%", others * 100.0) } else { writeln!(f) }
    }
}

impl fmt::Display for ShapeComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<32}{:>10}{:>10}{:>10}", "", "this", "against", "apart")?;
        for row in &self.rows {
            let (value, against, relative) = (row.value, row.against, row.relative() * 100.0);
            let verdict = match (row.judged, row.is_near()) {
                (true, true) => "near",
                (true, false) => "too far",
                (false, _) => "not judged",
            };
            writeln!(f, "{:<32}{value:>10.2}{against:>10.2}{relative:>+9.1}%  {verdict}", row.name)?;
        }
        let percent = TOLERANCE * 100.0;
        let verdict =
            if self.is_near() { "near: every judged statistic is" } else { "too far: not every judged statistic is" };
        writeln!(f, "{verdict} within {percent:.0}% ({} episodes against {})", self.episodes.0, self.episodes.1)
    }
}
