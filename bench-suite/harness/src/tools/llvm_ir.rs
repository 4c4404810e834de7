//! Reads the intermediate code (LLVM IR, as text) that rustc emits: a hash of each function's code.
//!
//! Equal hashes mean equal code: instructions, constants, offsets of fields, attributes, and the names of what is
//! called. Left out is what differs between two builds of one source: hashes in names, numbers of attributes and of
//! data. So two functions that differ only in the content of a table have one hash.
//!
//! Source: "LLVM Language Reference Manual", sections on identifiers, functions and attribute groups.

use std::collections::{HashMap, HashSet};

use super::symbols::bare;

/// The hashes of the functions with these symbols, as far as the module defines them.
pub fn hashes(module: &str, wanted: &HashSet<&str>) -> HashMap<String, u64> {
    let groups: HashMap<&str, &str> =
        module.lines().filter_map(|line| line.strip_prefix("attributes ")?.split_once(" = ")).collect();
    let mut hashes = HashMap::new();
    let mut current: Option<(&str, String)> = None;
    for line in module.lines() {
        if let Some((symbol, code)) = &mut current {
            if line == "}" {
                hashes.insert((*symbol).to_owned(), memory::hash::fnv1a(code.as_bytes()));
                current = None;
            } else {
                normalize(line, &groups, code);
            }
        } else if let Some(symbol) = line.strip_prefix("define ").and_then(defined).filter(|name| wanted.contains(name))
        {
            let mut code = String::new();
            // Who else may call it is not its code.
            let line = ["internal ", "hidden "].iter().fold(line.to_owned(), |line, word| line.replacen(word, "", 1));
            normalize(&line, &groups, &mut code);
            current = Some((symbol, code));
        }
    }
    hashes
}

/// The symbol of a definition.
fn defined(line: &str) -> Option<&str> {
    symbol(line.split_once('@')?.1).map(|(symbol, _)| symbol)
}

/// The name behind an `@`, and what follows.
fn symbol(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.split_once('"');
    }
    let end = text.find(|letter: char| !(letter.is_ascii_alphanumeric() || "._$-".contains(letter)));
    Some(text.split_at(end.unwrap_or(text.len())))
}

/// Appends a line without comments, hashes and numbers.
fn normalize(line: &str, groups: &HashMap<&str, &str>, code: &mut String) {
    let line = line.trim_start();
    let mut rest = line.split_once("; preds = ").map_or(line, |(code, _)| code.trim_end());
    if rest.starts_with(';') {
        return;
    }
    // The label of a block.
    if let Some((name, after)) = symbol(rest).filter(|(_, after)| *after == ":") {
        code.push_str(&local(name));
        rest = after;
    }
    while let Some(place) = rest.find(['@', '%', '#', '!']) {
        code.push_str(&rest[..place]);
        let (mark, after) = (&rest[place..=place], &rest[place + 1..]);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        rest = match (mark, symbol(after)) {
            ("@", Some((name, after))) => {
                code.push('@');
                code.push_str(&name_of(name));
                after
            }
            ("%", Some((name, after))) => {
                code.push('%');
                code.push_str(&local(name));
                after
            }
            ("#", _) if digits > 0 => {
                code.push_str(groups.get(&rest[place..=place + digits]).copied().unwrap_or_default());
                &after[digits..]
            }
            ("!", _) => {
                code.push('!');
                &after[digits..]
            }
            _ => {
                code.push_str(mark);
                after
            }
        };
    }
    code.push_str(rest);
    code.push('\n');
}

/// The name of code; of data, which is numbered or named by its content, only that it is data.
fn name_of(name: &str) -> String {
    let data = |prefix: &&str| name.starts_with(prefix);
    if name.bytes().all(|byte| byte.is_ascii_digit()) || ["anon.", "alloc_", "vtable."].iter().any(data) {
        return "data".to_owned();
    }
    bare(name)
}

/// A local name. Blocks of inlined code are named after its function: `_ZN3std6values17h0123456789abcdefE.exit.i`.
fn local(name: &str) -> String {
    let bare = bare(name);
    let hash = "17h0123456789abcdefE".len();
    match name.strip_prefix(&*bare).and_then(|rest| rest.get(hash..)) {
        Some(after) => bare + after,
        None => bare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut from what rustc 1.95 emits without optimisation.
    const MODULE: &str = r#"
; a::S::sum
; Function Attrs: nonlazybind uwtable
define i64 @_ZN1a1S3sum17h0aa4144e42c7f15cE(ptr align 8 %self) unnamed_addr #0 {
start:
  %_4 = alloca [40 x i8], align 8
; call std::collections::hash::map::HashMap<K,V,S,A>::values
  call void @"_ZN3std11collections4hash3map28HashMap$LT$K$C$V$C$S$C$A$GT$6values17h068ec8f8475cb5eeE"(ptr sret([40 x i8]) align 8 %_4, ptr align 8 %self) #2
  %_3 = load ptr, ptr @alloc_6f0c66a4a6a6ec7f2ba1fb5bbd1b1d42, align 8, !noundef !3
  %_0 = urem i64 %_3, 16
  br label %_ZN3std6values17h068ec8f8475cb5eeE.exit.i

_ZN3std6values17h068ec8f8475cb5eeE.exit.i:        ; preds = %start
  br label %"_ZN3std4$u7b$17h068ec8f8475cb5eeE.exit"

"_ZN3std4$u7b$17h068ec8f8475cb5eeE.exit":         ; preds = %_ZN3std6values17h068ec8f8475cb5eeE.exit.i
  ret i64 %_0
}

define internal void @other() {
  ret void
}

attributes #0 = { nonlazybind uwtable }
attributes #2 = { inlinehint nonlazybind uwtable }
"#;
    const SUM: &str = "_ZN1a1S3sum17h0aa4144e42c7f15cE";

    fn sum(module: &str) -> u64 {
        let name =
            defined(module.lines().find(|line| line.contains("3sum")).expect("defined")).expect("named").to_owned();
        let hashes = hashes(module, &HashSet::from([&*name]));
        assert_eq!(hashes.len(), 1, "only what was asked for: {hashes:?}");
        hashes[&name]
    }

    #[test]
    fn builds_of_one_source_have_the_same_code() {
        let rebuilt = MODULE
            .replace("17h0aa4144e42c7f15c", "17h1111111111111111")
            .replace("17h068ec8f8475cb5ee", "17h2222222222222222")
            .replace("alloc_6f0c66a4a6a6ec7f2ba1fb5bbd1b1d42", "anon.e30cba0c49700d3d7d3fc2c559983032.7")
            .replace("#2", "#9")
            .replace("!3", "!17")
            .replace("; call std::collections", "; call elsewhere");
        assert_ne!(rebuilt, MODULE);
        assert_eq!(sum(&rebuilt), sum(MODULE));
        assert!(hashes(MODULE, &HashSet::from([SUM])).contains_key(SUM));
    }

    #[test]
    fn whatever_the_source_says_changes_the_code() {
        for (was, is) in [
            ("urem i64 %_3, 16", "urem i64 %_3, 17"),
            ("[40 x i8], align", "[48 x i8], align"),
            ("6values17h", "4keys17h"),
            ("#2 = { inlinehint nonlazybind", "#2 = { nonlazybind"),
            ("#0 = { nonlazybind", "#0 = { cold nonlazybind"),
            ("%_ZN3std6values17h068ec8f8475cb5eeE.exit.i\n", "%_ZN3std6values17h068ec8f8475cb5eeE.exit\n"),
        ] {
            let changed = MODULE.replace(was, is);
            assert_ne!(changed, MODULE, "{was}");
            assert_ne!(sum(&changed), sum(MODULE), "{was} to {is}");
        }
    }
}
