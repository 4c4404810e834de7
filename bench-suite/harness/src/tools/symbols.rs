//! Reads mangled symbols: what two builds of one source share of a name, and the crate that owns the code.
//!
//! Sources: the Rust reference implementation's "legacy" scheme (an Itanium name that ends in a hash), and the rustc
//! book, "v0 Symbol Format".

use baselines::doing::Owner;

/// The crates of Rust's own libraries. They own code only if nobody else is named.
const STANDARD: [&str; 3] = ["core", "alloc", "std"];

/// A symbol as its own unit of the crate names it: a function that other units call has a suffix.
pub fn within_unit(symbol: &str) -> &str {
    symbol.split(".llvm.").next().unwrap_or(symbol)
}

/// A symbol without hashes: instances of generic code, and builds with other libraries, differ only in them.
pub fn bare(symbol: &str) -> String {
    let symbol = within_unit(symbol);
    if symbol.starts_with("_R") {
        return without_back_references(&without_disambiguators(symbol));
    }
    let hash = |place: &usize| {
        let hash = symbol.get(place + 3..place + 20)?;
        (hash.ends_with('E') && hash[..16].bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(())
    };
    match symbol.rfind("17h").filter(|place| hash(place).is_some()) {
        Some(place) => symbol[..place].to_owned(),
        None => symbol.to_owned(),
    }
}

/// A v0 symbol whose crates, `Cs` and a hash to `_`, are only `C`.
fn without_disambiguators(symbol: &str) -> String {
    let mut bare = String::with_capacity(symbol.len());
    let mut rest = symbol;
    while let Some((before, after)) = rest.split_once("Cs") {
        bare.push_str(before);
        bare.push('C');
        rest = match after.split_once('_') {
            Some((hash, after)) if hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) => after,
            _ => after,
        };
    }
    bare + rest
}

/// A v0 symbol whose references to earlier parts of it, `B` and a place to `_`, are only `B`: the places move with the
/// length of the hashes before them.
fn without_back_references(symbol: &str) -> String {
    // A longer place would be beyond any symbol.
    const DIGITS: usize = 4;
    let mut bare = String::with_capacity(symbol.len());
    let mut rest = symbol;
    while let Some((before, after)) = rest.split_once('B') {
        bare.push_str(before);
        bare.push('B');
        let digits = after.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let is_reference = digits <= DIGITS && after[digits..].starts_with('_');
        rest = if is_reference { &after[digits + 1..] } else { after };
    }
    bare + rest
}

/// Who owns the code of a symbol: the crate of the type or of the trait, the project's first. `crates` are the
/// project's, as symbols name them.
pub fn owner(symbol: &str, crates: &[String]) -> Owner {
    let named: Vec<&str> = match symbol.strip_prefix("_R") {
        Some(path) => v0_crate(path).into_iter().collect(),
        None => legacy_crates(symbol),
    };
    let first = |owns: &dyn Fn(&str) -> bool| named.iter().copied().find(|name| owns(name));
    if first(&|name| crates.iter().any(|own| own == name)).is_some() {
        return Owner::Project;
    }
    let library = first(&|name| !STANDARD.contains(&name)).or_else(|| named.first().copied());
    library.map_or(Owner::Nobody, |name| Owner::Library(name.to_owned()))
}

/// The first crate of a v0 path: `C`, a hash, and a name with its length.
fn v0_crate(path: &str) -> Option<&str> {
    path.match_indices('C').find_map(|(place, _)| {
        let root = &path[place + 1..];
        let root = match root.strip_prefix('s') {
            Some(hashed) => hashed.split_once('_')?.1,
            None => root,
        };
        counted(root)
    })
}

/// The crates of a legacy path: its first part, or those of `<Type as Trait>`.
fn legacy_crates(symbol: &str) -> Vec<&str> {
    let Some(first) = symbol.strip_prefix("_ZN").and_then(counted) else { return vec![] };
    let Some(implementation) = first.strip_prefix("_$LT$") else { return vec![first] };
    let parts = implementation.split_once("$u20$as$u20$");
    let (of, implemented) = parts.map_or((implementation, None), |(of, implemented)| (of, Some(implemented)));
    [Some(of), implemented].into_iter().flatten().filter_map(root_of).collect()
}

/// The crate of an escaped type, as in `$RF$mut$u20$memory..Trace`; none of a primitive one.
fn root_of(escaped: &str) -> Option<&str> {
    const MARKS: [&str; 9] = ["$RF$", "$BP$", "$LP$", "$u5b$", "mut$u20$", "const$u20$", "dyn$u20$", "$u20$", "$LT$"];
    let mut rest = escaped;
    while let Some(stripped) = MARKS.iter().find_map(|mark| rest.strip_prefix(mark)) {
        rest = stripped;
    }
    let (name, _) = rest.split_once("..")?;
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some(name)
}

/// A name behind its length, as in `6memory`.
fn counted(text: &str) -> Option<&str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let length: usize = text[..digits].parse().ok()?;
    text[digits..].get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERIC: &str =
        "_ZN72_$LT$alloc..vec..Vec$LT$T$C$A$GT$$u20$as$u20$core..ops..deref..Deref$GT$5deref17h829fc10a4ec83cd1E";

    #[test]
    fn hashes_of_a_build_are_no_part_of_a_name() {
        assert!(bare(GENERIC).ends_with("Deref$GT$5deref"));
        assert_eq!(bare("_RNvNtCsgEmfK2I1SDS_4core9panicking5panic"), "_RNvNtC4core9panicking5panic");
        assert_eq!(bare("__memcpy_sse2_unaligned"), "__memcpy_sse2_unaligned");
        assert_eq!(bare("my_17high"), "my_17high");
        let [one, other] = [
            "_RNvXs1g_NtCsgEmfK2I1SDS_4core3fmtRhNtB6_5Debug3fmtCsgY6Mt91CT9J_9quick_xml",
            "_RNvXs1g_NtCsgEmfK2I1_4core3fmtRhNtB2_5Debug3fmtCs9J_9quick_xml",
        ];
        assert_eq!(bare(one), bare(other), "a shorter hash moves the places of references");
        assert_ne!(bare(one), bare(&one.replace("5Debug", "7Display")));
    }

    #[test]
    fn code_belongs_to_the_crate_of_its_type_or_trait() {
        let library = |name: &str| Owner::Library(name.to_owned());
        let crates = ["memory".to_owned()];
        let owner = |symbol: &str| owner(symbol, &crates);
        assert_eq!(owner(GENERIC), library("alloc"));
        assert_eq!(owner("_ZN6memory5store3get17h829fc10a4ec83cd1E"), Owner::Project);
        let of_a_trait = "_ZN9_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$memory..Store$GT$3get17h829fc10a4ec83cd1E";
        assert_eq!(owner(&of_a_trait.replace("ZN9_", "ZN54_")), Owner::Project);
        let serde =
            "_ZN68_$LT$$RF$mut$u20$serde_json..Serializer$u20$as$u20$serde..Serializer$GT$3str17h829fc10a4ec83cd1E";
        assert_eq!(owner(&serde.replace("ZN68", "ZN67")), library("serde_json"));
        assert_eq!(owner("_RNCNvNtCsgEmfK2I1SDS_6memory5store3get"), Owner::Project);
        assert_eq!(owner("sqlite3VdbeExec"), Owner::Nobody);
    }
}
