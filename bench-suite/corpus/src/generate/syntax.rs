//! Source code in three languages: blocks of lines with marks for the names in them.
//!
//! The blocks need not compile; they indent, repeat and name things as code does.

/// A language of the generated projects.
#[derive(Debug)]
pub(super) struct Syntax {
    /// The name in a task's context.
    pub(super) language: &'static str,
    /// Without the dot.
    pub(super) extension: &'static str,
    /// The command that runs a file.
    pub(super) runner: &'static str,
    /// The command that fetches packages.
    pub(super) installer: &'static str,
    /// The folder of the sources.
    pub(super) folder: &'static str,
    /// Templates of a few lines each, for [`super::text::fill`].
    pub(super) blocks: &'static [&'static str],
}

/// The languages, weighted by the projects that use them.
pub(super) const SYNTAXES: &[(u64, &Syntax)] = &[(60, &PYTHON), (22, &TYPESCRIPT), (18, &RUST)];

static PYTHON: Syntax = Syntax {
    language: "python",
    extension: "py",
    runner: "python",
    installer: "pip install -e .",
    folder: "src",
    blocks: &[
        "from $i.$i import $c\nimport $i\n\n",
        "class $c($c):\n    \"\"\"$w $w.\n\n    $w $w $w\n    $w.\n    \"\"\"\n\n    $i = $c($n)\n    $i = \"$i\"\n\n",
        "    def __init__(self, $a, $b=None, **kwargs):\n        super().__init__(**kwargs)\n        self.$a = \
            $a\n        self.$b = $b\n\n",
        "    def $i(self, $a, $b):\n        if $a is None:\n            return None\n        return \
            self.$i($a.$i($b))\n\n",
        "    def $i(self, $a: $c, $b: int = $n) -> $c:\n        \"\"\"$w $w.\n\n        :param $a: $w.\n        :param \
            $b: $w $w.\n        \"\"\"\n",
        "        try:\n            $a = $c($b)\n        except ($cError, ValueError) as error:\n            raise \
            self.$i(\"$i\") from error\n\n",
        "        for $a in self.$b:\n            if $a.$i not in $i:\n                continue\n            \
            $i.append($a)\n        return $i\n\n",
        "        $i = {\n            \"$i\": $i,\n            \"$i\": $c.$i,\n            \"$i\": $n,\n        }\n",
        "        # $w $w\n        $a = $i($b, $i=$i)\n        $b.$i($a[$n])\n",
        "@$i($i=$n)\ndef test_$i_$i($a):\n    $b = $c($a)\n    assert $b.$i == $i($n)\n    assert not $b.$i($a)\n\n",
        "        raise $cError(\n            \"$w {} $w.\".format($i)\n        )\n",
        "        return [$a.$i for $a in $b if $a.$i > $n]\n\n",
    ],
};

static TYPESCRIPT: Syntax = Syntax {
    language: "typescript",
    extension: "ts",
    runner: "node",
    installer: "npm install",
    folder: "lib",
    blocks: &[
        "import { $c, $i } from \"./$i\";\nimport type { $c } from \"../$i/$i\";\n\n",
        "/**\n * $w $w.\n * $w $w $w\n */\nexport class $c extends $c {\n  private readonly $i: $c;\n  $i = $n;\n\n",
        "  constructor($a: $c, $b?: string) {\n    super($a);\n    this.$a = $a;\n    this.$b = $b ?? \"$i\";\n  }\n\n",
        "  async $i($a: $c): Promise<$c> {\n    const $b = await this.$i($a.$i);\n    return $b.$i($a);\n  }\n\n",
        "    if (!$a || $a.$i === undefined) {\n      throw new $cError(\"$w \" + $a);\n    }\n",
        "    for (const $a of this.$b) {\n      if ($a.$i > $n) continue;\n      $i.push($a);\n    }\n    return \
            $i;\n  }\n\n",
        "export interface $c {\n  /** $w $w. */\n  $i: string;\n  $i?: number;\n  $i: $c[];\n}\n\n",
        "    // $w $w\n    const $a = { $i: $b, $i: $n };\n    $b.$i($a);\n",
        "  it(\"$w $w\", () => {\n    const $a = new $c($n);\n    expect($a.$i($b)).toBe($n);\n    \
            expect($a.$i).toEqual([$i]);\n  });\n\n",
        "    return $a.map(($b) => $b.$i).filter(Boolean);\n  }\n\n",
    ],
};

static RUST: Syntax = Syntax {
    language: "rust",
    extension: "rs",
    runner: "cargo test",
    installer: "cargo fetch",
    folder: "src",
    blocks: &[
        "use crate::$i::{$c, $c};\nuse $i::$i;\n\n",
        "/// $w $w.\n///\n/// $w $w $w\n#[derive(Debug, Clone)]\npub struct $c {\n    /// $w.\n    $i: $c,\n    $i: \
            Option<$c>,\n}\n\n",
        "impl $c {\n    /// $w $w.\n    pub fn $i(&self, $a: &$c) -> Result<$c> {\n        let $b = \
            self.$i.$i($a)?;\n        Ok($b)\n    }\n\n",
        "        match $a.$i {\n            $c::$c => $i($b),\n            $c::$c { $i } => Err($cError::$c { $i \
            }),\n            _ => None,\n        }\n",
        "        for $a in &self.$b {\n            if $a.$i > $n {\n                continue;\n            \
            }\n            $i.push($a.clone());\n        }\n        $i\n    }\n\n",
        "        let $a = $b.iter().filter(|$i| $i.$i() < $n);\n        $a.map($c::$i).collect()\n    }\n\n",
        "        // $w $w\n        let mut $a = $c::new($n);\n        $a.$i($b.$i)?;\n",
        "impl From<$c> for $c {\n    fn from($a: $c) -> $c {\n        $c { $b: $a.$i, $i: None }\n    }\n}\n\n",
        "    #[test]\n    fn $i_$i() {\n        let $a = $c::$i($n);\n        assert_eq!($a.$i(), $n);\n        \
            assert!($a.$i.is_none());\n    }\n\n",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_in_every_block_is_known_and_every_line_ends() {
        for (_, syntax) in SYNTAXES {
            for block in syntax.blocks {
                assert!(block.ends_with('\n'), "{block}");
                let marks = block.split('$').skip(1).filter_map(|part| part.chars().next());
                assert_eq!(marks.clone().count(), block.matches('$').count());
                assert!(marks.into_iter().all(|mark| "iabcwn".contains(mark)), "{block}");
            }
        }
    }
}
