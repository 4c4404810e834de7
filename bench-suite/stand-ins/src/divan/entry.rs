//! The benchmarks and groups of a bench, which their attributes enter in a list before the main function starts.

use std::borrow::Cow;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::arguments::Mode;
use crate::bencher::{Bencher, Context};
use crate::configuration::Divan;
use crate::options::BenchOptions;
use crate::process::Process;
use crate::worker;

/// A function with `#[bench]`, or a module with `#[bench_group]`.
#[derive(Debug)]
pub struct Entry {
    /// The name that divan prints.
    pub name: &'static str,
    /// The name in the source, without `r#`.
    pub raw_name: &'static str,
    /// The module that it is in.
    pub module_path: &'static str,
    /// The line of its attribute.
    pub line: u32,
    /// Its options.
    pub options: fn() -> BenchOptions,
    /// Comes past its benchmarks; none for a group.
    pub visit: Option<fn(&mut Visitor<'_>)>,
}

/// A place in the list.
#[derive(Debug)]
pub struct Node {
    entry: &'static Entry,
    next: AtomicPtr<Node>,
}

static LIST: AtomicPtr<Node> = AtomicPtr::new(std::ptr::null_mut());

impl Node {
    /// The place of an entry.
    pub const fn new(entry: &'static Entry) -> Node {
        Node { entry, next: AtomicPtr::new(std::ptr::null_mut()) }
    }
}

/// Enters a place at the beginning of the list. Called once for each, while the process has one thread.
pub fn enter(node: &'static Node) {
    node.next.store(LIST.load(Ordering::Relaxed), Ordering::Relaxed);
    LIST.store(node as *const Node as *mut Node, Ordering::Release);
}

/// Everything in the list.
fn entries() -> impl Iterator<Item = &'static Entry> {
    // SAFETY: the list only has addresses of what `enter` was given, which lives as long as the process.
    let at = |place: &AtomicPtr<Node>| unsafe { place.load(Ordering::Acquire).cast_const().as_ref::<'static>() };
    std::iter::successors(at(&LIST), move |node| at(&node.next)).map(|node| node.entry)
}

/// Comes past all benchmarks, in the order of their names.
pub fn visit_all(divan: &Divan) {
    let (benches, groups): (Vec<_>, Vec<_>) = entries().partition(|entry| entry.visit.is_some());
    let mut visitors: Vec<_> = benches.into_iter().map(|bench| (bench, Visitor::new(bench, &groups, divan))).collect();
    visitors.sort_by(|(a, of_a), (b, of_b)| (&of_a.path, a.line).cmp(&(&of_b.path, b.line)));
    for (bench, mut visitor) in visitors {
        if let (Some(visit), true) = (bench.visit, visitor.is_wanted()) {
            let path = visitor.path.clone();
            worker::target(&path, || visit(&mut visitor));
        }
    }
}

/// Comes past the benchmarks of one function.
#[derive(Debug)]
pub struct Visitor<'a> {
    divan: &'a Divan,
    path: String,
    options: BenchOptions,
}

impl<'a> Visitor<'a> {
    fn new(bench: &Entry, groups: &[&Entry], divan: &'a Divan) -> Visitor<'a> {
        let plain =
            |path: &str| path.split("::").map(|name| name.strip_prefix("r#").unwrap_or(name).to_owned()).collect();
        let modules: Vec<String> = plain(bench.module_path);
        let (mut names, mut options) = (Vec::new(), BenchOptions::default());
        for (depth, module) in modules.iter().enumerate() {
            let is_it = |group: &&&Entry| group.raw_name == module && plain(group.module_path) == modules[..depth];
            let group = groups.iter().find(is_it);
            names.push(group.map_or(&**module, |group| group.name));
            options = group.map_or(options.clone(), |group| (group.options)().or(&options));
        }
        names.push(bench.name);
        let options = divan.options.clone().or(&(bench.options)().or(&options));
        Visitor { divan, path: names.join("::"), options }
    }

    /// False if the process is for another benchmark. Then the function's arguments are not made.
    fn is_wanted(&self) -> bool {
        let Process { arguments, .. } = Process::get();
        match (arguments.mode, &arguments.name) {
            (Mode::Serve | Mode::Count, Some(name)) => name.starts_with(&self.path),
            _ => true,
        }
    }

    /// A form of the function without arguments; `form` has the names of its type and its constant.
    pub fn plain(&mut self, form: &[String], mut bench: impl FnMut(Bencher<'_, '_>)) {
        self.visit(form, None, &mut bench);
    }

    /// A form of the function with each of its arguments.
    pub fn args<T>(
        &mut self,
        form: &[String],
        arguments: &[T],
        name: impl Fn(&T) -> String,
        bench: impl Fn(Bencher<'_, '_>, &T),
    ) {
        for argument in arguments {
            self.visit(form, Some(name(argument)), &mut |bencher| bench(bencher, argument));
        }
    }

    fn visit(&self, form: &[String], argument: Option<String>, bench: &mut dyn FnMut(Bencher<'_, '_>)) {
        let names: Vec<String> = std::iter::once(&self.path).chain(form).cloned().chain(argument).collect();
        let path = names.join("::");
        let is_ignored = self.options.ignore == Some(true) && !self.divan.runs_ignored;
        let mode = Process::get().arguments.mode;
        if is_ignored && mode == Mode::Once {
            return;
        }
        let counts = self.options.thread_counts();
        for threads in &counts {
            let id = match counts.len() {
                1 => path.clone(),
                _ => format!("{path}::t={threads}"),
            };
            let refusal = match threads {
                _ if is_ignored => Some(Cow::from("it is ignored: `#[ignore]` or the option `ignore`")),
                _ if self.divan.skipped.contains(&path) => Some("`skip_exact` skips it".into()),
                0 => Some("it runs on all cores at once (`threads`)".into()),
                1 => None,
                _ => Some(format!("it runs on {threads} threads at once (`threads`)").into()),
            };
            worker::visit(id, refusal.map(Cow::into_owned), &mut |id| {
                let mut context = Context { id, is_done: false };
                bench(Bencher::new(&mut context));
                context.is_done
            });
        }
    }
}
