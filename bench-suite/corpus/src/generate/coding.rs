//! Episodes of a coding agent in a shell: look around, open files, reproduce, edit, run, submit.
//!
//! The constants are fitted to six SWE-agent trajectories of 57 steps: the length of episodes, the frequency of each
//! kind of step, the size of a window on a file. `assay corpus shape FILE` prints the statistics of an imported corpus
//! (those called "imported" below, except latencies and the inner structure of steps), and `assay corpus shape
//! --against FILE` the distance of the generated ones. Sizes and compressibility are not drawn but follow: a view after
//! an edit repeats most of the view before it. Languages, domains, task types, outcomes and failing runs are not
//! fitted, because those six are all in Python, about one kind of task, and all submitted. There is no shell: the
//! output of a step agrees with the steps before it only as far as sizes and repetition need.

use std::sync::OnceLock;

use episodes::api::Script;
use episodes::{NewStep, Outcome, StartEpisode, StepStatus, TaskContext};

use super::project::{Project, SourceFile, View};
use super::text::{Dice, Names, Quantiles, Vocabulary, fill, number};
use crate::{complexity, named};

/// Imported: 5 5 11 11 11 14. The tail is a guess: longer recordings exist, none is among those that were fitted.
const STEPS: &Quantiles = &[(0, 4), (150, 5), (500, 10), (900, 13), (990, 20), (1000, 40)];
/// Imported: 217 ms to 978 ms, the median 287.
const LATENCY_US: &Quantiles =
    &[(0, 215_000), (250, 232_000), (500, 287_000), (750, 370_000), (900, 700_000), (1000, 990_000)];
/// Bytes of a task. Imported: 69, 374, and four times 550.
const TASK_BYTES: &Quantiles = &[(0, 60), (250, 330), (1000, 500)];
/// Lines of a script that reproduces the problem.
const SCRIPT_LINES: &Quantiles = &[(0, 2), (500, 7), (1000, 14)];
/// Files that are found besides the wanted one.
const OTHER_MATCHES: &Quantiles = &[(0, 0), (700, 1), (1000, 5)];
/// Lines that an edit replaces, and that stand there afterwards.
const EDIT_LINES: &Quantiles = &[(0, 1), (700, 2), (1000, 8)];
/// Of a thousand edits of a file, those that the editor refuses. Imported: 4 of 10.
const EDITS_IN_VAIN: u64 = 350;
/// Of a thousand episodes, those of an agent that calls functions, whose steps have parameters. Imported: 2 of 6.
const FUNCTION_CALLING: u64 = 333;

/// The things that all episodes of a seed share: agents come back to the same projects.
#[derive(Debug)]
pub(super) struct World {
    seed: u64,
    vocabulary: Vocabulary,
    /// Made when an episode first needs them: a few episodes meet a few projects.
    projects: Vec<OnceLock<Project>>,
}

impl World {
    const PROJECTS: u64 = 64;

    pub(super) fn new(seed: u64, vocabulary: Vocabulary) -> World {
        let projects = (0..World::PROJECTS).map(|_| OnceLock::new()).collect();
        World { seed, vocabulary, projects }
    }

    /// One of the projects, the first ones more likely.
    fn project(&self, dice: &mut Dice) -> &Project {
        let index = dice.early(self.projects.len() as u64);
        let make = || Project::new(&self.vocabulary, &mut Dice::new(!self.seed, index));
        self.projects[index as usize].get_or_init(make)
    }
}

/// A kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Find,
    Open,
    Install,
    Create,
    Edit,
    Run,
    Remove,
}

/// The weight of each kind. Imported, of 47 steps that are neither a submission nor the first edit of a new file:
/// 6 5 7 1 4 10 10 4. The weights differ because some kinds are not always possible: an edit without an open file opens
/// one, a removal without a script runs something.
const KINDS: &[(u64, Kind)] = &[
    (12, Kind::List),
    (10, Kind::Find),
    (6, Kind::Open),
    (2, Kind::Install),
    (10, Kind::Create),
    (27, Kind::Edit),
    (21, Kind::Run),
    (14, Kind::Remove),
];

pub(super) fn episode(world: &World, seed: u64, index: u64) -> Script {
    let mut dice = Dice::new(seed, index);
    let project = world.project(&mut dice);
    // The task is about this file, and the agent opens it most.
    let file = dice.pick_early(&project.files);
    let names = project.names(&world.vocabulary, file);
    let task = task(&names, &mut dice, project);
    let function_calling = dice.chance(FUNCTION_CALLING);
    let steps = dice.draw(STEPS);
    let outcome = outcome(&mut dice);

    let mut session = Session { project, file, names, view: None, fresh: None, patch: String::new(), function_calling };
    let mut taken: Vec<NewStep> = Vec::with_capacity(steps as usize);
    for number in 1..=steps {
        let submits = number == steps && matches!(outcome, Outcome::Success { .. } | Outcome::Partial { .. });
        taken.push(if submits { session.submit(&mut dice) } else { session.step(&mut dice) });
    }

    let tags = ["generated"].into_iter().chain(function_calling.then_some("function-calling"));
    let context = TaskContext {
        language: Some(project.syntax.language.to_owned()),
        framework: Some(project.name.clone()),
        domain: project.domain.to_owned(),
        complexity: complexity(taken.len()),
        tags: tags.map(str::to_owned).collect(),
    };
    let metadata = [
        ("repository", format!("{}/{}", project.owner, project.name)),
        ("source", format!("swe-agent-{seed}-{index}")),
    ];
    let task_type =
        dice.weighted(&[(6, "bug-fix"), (2, "feature"), (1, "refactoring"), (1, "documentation")]).to_owned();
    Script { start: StartEpisode { task, task_type, context, metadata: named(metadata) }, steps: taken, outcome }
}

fn task(names: &Names<'_>, dice: &mut Dice, project: &Project) -> String {
    let size = dice.draw(TASK_BYTES) as usize;
    let mut text = String::with_capacity(size + 128);
    fill("$c.$i $w\n\n$w $w.\n", names, dice, &mut text);
    while text.len() < size {
        if dice.chance(400) {
            let block = *dice.pick(project.syntax.blocks);
            text.push_str("```\n");
            fill(block.trim_end(), names, dice, &mut text);
            text.push_str("\n```\n");
        } else {
            fill("$w $i $w $w.\n", names, dice, &mut text);
        }
    }
    text
}

fn outcome(dice: &mut Dice) -> Outcome {
    match dice.below(100) {
        0..80 => Outcome::Success { verdict: "submitted a patch".to_owned() },
        80..88 => Outcome::Partial {
            verdict: "submitted (exit_cost)".to_owned(),
            done: vec!["a patch was handed in".to_owned()],
            failed: vec!["the agent did not submit it itself".to_owned()],
        },
        88..97 => Outcome::Failure { reason: "exit_context".to_owned() },
        _ => Outcome::Abstained { reason: "the agent gave up".to_owned() },
    }
}

/// An episode as it goes on, with the open file and the created script.
struct Session<'a> {
    project: &'a Project,
    file: &'a SourceFile,
    names: Names<'a>,
    view: Option<View>,
    /// The script that the agent created: just now and still empty, or filled.
    fresh: Option<Fresh>,
    patch: String,
    function_calling: bool,
}

struct Fresh {
    path: String,
    empty: bool,
}

impl Session<'_> {
    fn step(&mut self, dice: &mut Dice) -> NewStep {
        if self.fresh.as_ref().is_some_and(|fresh| fresh.empty) {
            return self.write_script(dice);
        }
        match dice.weighted(KINDS) {
            Kind::List => self.list(dice),
            Kind::Find => self.find(dice),
            Kind::Install => self.install(dice),
            Kind::Create if self.fresh.is_none() => self.create(dice),
            Kind::Remove if self.fresh.is_some() => self.remove(dice),
            Kind::Edit if self.view.is_some() && dice.chance(EDITS_IN_VAIN) => self.edit_in_vain(dice),
            Kind::Edit if self.view.is_some() => self.edit(dice),
            Kind::Open | Kind::Edit | Kind::Create => self.open(dice),
            Kind::Run | Kind::Remove => self.run(dice),
        }
    }

    /// A step whose tool is a program that runs in the shell.
    fn shell(&self, dice: &mut Dice, action: String, observation: String) -> NewStep {
        let parameters = [("command", action.clone())];
        self.done(dice, action, parameters, observation)
    }

    fn done<const N: usize>(
        &self,
        dice: &mut Dice,
        action: String,
        parameters: [(&'static str, String); N],
        observation: String,
    ) -> NewStep {
        NewStep {
            tool: action.split_whitespace().next().unwrap_or_default().to_owned(),
            action,
            parameters: named(self.function_calling.then_some(parameters).into_iter().flatten()),
            observation,
            latency_ns: dice.draw(LATENCY_US) * 1000,
            ..NewStep::default()
        }
    }

    fn list(&self, dice: &mut Dice) -> NewStep {
        let mut observation = self.project.listing.clone();
        if let Some(fresh) = &self.fresh {
            observation.push_str(&fresh.path);
            observation.push('\n');
        }
        self.shell(dice, "ls -F".to_owned(), observation)
    }

    fn find(&self, dice: &mut Dice) -> NewStep {
        let file = self.file;
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let (root, folder) = (&self.project.root, self.project.syntax.folder);
        let mut observation = format!("{name} in {root}/{folder}:\n{root}/{}\n", file.path);
        for _ in 0..dice.draw(OTHER_MATCHES) {
            let other = dice.pick(&self.project.files);
            observation.push_str(&format!("{root}/{}\n", other.path));
        }
        let parameters = [("file_name", name.to_owned()), ("dir", folder.to_owned())];
        self.done(dice, format!("find_file {name} {folder}"), parameters, observation)
    }

    fn open(&mut self, dice: &mut Dice) -> NewStep {
        let file = if dice.chance(700) { self.file } else { dice.pick_early(&self.project.files) };
        let view = View::open(self.project, self.names.vocabulary, file, dice);
        let (path, line) = (&file.path, view.middle());
        let mut observation = String::with_capacity(6000);
        view.show(&mut observation);
        let parameters = [("path", path.clone()), ("line_number", line.to_string())];
        let step = self.done(dice, format!("open {path} {line}"), parameters, observation);
        self.view = Some(view);
        step
    }

    fn create(&mut self, dice: &mut Dice) -> NewStep {
        let path = format!("reproduce.{}", self.project.syntax.extension);
        let observation = format!("[File: {}/{path}, 1 line]\n1:\n", self.project.root);
        let step = self.done(dice, format!("create {path}"), [("filename", path.clone())], observation);
        self.fresh = Some(Fresh { path, empty: true });
        step
    }

    fn write_script(&mut self, dice: &mut Dice) -> NewStep {
        let lines = dice.draw(SCRIPT_LINES);
        let text = self.project.code(&self.names, lines, dice);
        let path = self.fresh.as_mut().map(|fresh| {
            fresh.empty = false;
            fresh.path.clone()
        });
        let mut observation = String::with_capacity(2 * text.len());
        View::of_script(self.project, path.unwrap_or_default(), text.clone()).show(&mut observation);
        self.edit_step(dice, 1, 1, &text, observation)
    }

    fn edit_step(&self, dice: &mut Dice, from: u64, to: u64, text: &str, observation: String) -> NewStep {
        let action = format!("edit {from}:{to}\n{text}end_of_edit");
        let parameters =
            [("replacement_text", text.to_owned()), ("start_line", from.to_string()), ("end_line", to.to_string())];
        self.done(dice, action, parameters, observation)
    }

    fn edit(&mut self, dice: &mut Dice) -> NewStep {
        let lines = dice.draw(EDIT_LINES);
        let text = self.project.code(&self.names, lines, dice);
        let mut observation = String::with_capacity(6000);
        let (mut from, mut to) = (1, 1);
        if let Some(view) = &mut self.view {
            (from, to) = view.replace(&text, lines, dice, &mut self.patch);
            view.show(&mut observation);
        }
        self.edit_step(dice, from, to, &text, observation)
    }

    /// An edit that the editor refuses: it shows how the file would look, and how it does.
    fn edit_in_vain(&self, dice: &mut Dice) -> NewStep {
        let lines = dice.draw(EDIT_LINES);
        let text = self.project.code(&self.names, lines, dice);
        let mut observation = String::with_capacity(10_000);
        let (mut from, mut to) = (1, 1);
        if let Some(view) = &self.view {
            let mut edited = view.clone();
            (from, to) = edited.replace(&text, lines, dice, &mut String::new());
            observation.push_str(&format!(
                "error: the edit was refused because the file would not parse: unexpected indentation in line {from}\n"
            ));
            // Most editors show the surroundings only, some the whole window.
            let whole = dice.chance(250);
            for (heading, view) in [("--- as it would be ---\n", &edited), ("--- as it is ---\n", view)] {
                observation.push_str(heading);
                if whole {
                    view.show(&mut observation);
                } else {
                    view.show_around(from, 10, &mut observation);
                }
            }
            observation
                .push_str("the file is unchanged: give the lines to replace and their indentation, then try again\n");
        }
        let mut step = self.edit_step(dice, from, to, &text, observation);
        step.status = StepStatus::Error;
        step
    }

    fn run(&self, dice: &mut Dice) -> NewStep {
        let runner = self.project.syntax.runner;
        let action = match &self.fresh {
            Some(fresh) => format!("{runner} {}", fresh.path),
            None => {
                format!("{runner} test_{}.{}", dice.pick_early(self.names.identifiers), self.project.syntax.extension)
            }
        };
        let mut observation = String::new();
        let fails = dice.chance(60);
        if fails {
            let file = dice.pick_early(&self.project.files);
            for _ in 0..2 + dice.below(3) {
                let line = 1 + dice.below(file.lines);
                observation.push_str(&format!("  at {}/{}:{line}\n", self.project.root, file.path));
                fill("    $a = $b.$i($i)\n", &self.names, dice, &mut observation);
            }
            fill("$cError: $w\n", &self.names, dice, &mut observation);
        } else if dice.chance(900) {
            number(dice.below(1000), &mut observation);
            observation.push('\n');
        }
        let mut step = self.shell(dice, action, observation);
        if fails {
            step.status = StepStatus::Error;
        }
        step
    }

    fn remove(&mut self, dice: &mut Dice) -> NewStep {
        let path = self.fresh.take().map(|fresh| fresh.path).unwrap_or_default();
        self.shell(dice, format!("rm {path}"), String::new())
    }

    fn install(&self, dice: &mut Dice) -> NewStep {
        let mut observation = format!("collecting {}\n", self.project.root);
        let vocabulary = self.names.vocabulary;
        for _ in 0..30 + dice.below(50) {
            let package = vocabulary.name(dice);
            let version = (dice.below(9), dice.below(30), dice.below(10));
            observation.push_str(&format!(
                "already satisfied: {package} in /opt/environments/{}/packages ({}.{}.{}) (needed by {}=={}.{})\n",
                self.project.name, version.0, version.1, version.2, self.project.name, version.2, version.0
            ));
        }
        self.shell(dice, self.project.syntax.installer.to_owned(), observation)
    }

    fn submit(&self, dice: &mut Dice) -> NewStep {
        let mut observation = self.patch.clone();
        if observation.is_empty() {
            View::open(self.project, self.names.vocabulary, self.file, dice).replace("", 1, dice, &mut observation);
        }
        self.done(dice, "submit".to_owned(), [], observation)
    }
}
