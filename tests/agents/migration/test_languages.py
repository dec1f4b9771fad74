"""Rules in languages whose trees tree-sitter makes."""

from __future__ import annotations

from tests.agents.migration.learning import done, learnt, reasons, rules


def test_javascript_names_and_their_imports_are_changed() -> None:
    told = learnt(
        (
            "import { old, z } from './m';\nconst x = old(a, 1);\n",
            "import { neu, z } from './m';\nconst x = neu(a, 1);\n",
        ),
        suffix="js",
    )
    assert rules(told) == ["old⟨1⟩ → neu⟨1⟩"]
    found = done(told, "import { old } from './m';\n\nexport const f = (q) => old(q)\n\t.then((r) => r);\n", "pkg/b.js")
    assert found.text == "import { neu } from './m';\n\nexport const f = (q) => neu(q)\n\t.then((r) => r);\n"
    deeper = done(told, 'import { old } from "../m";\nold(1);\n', "pkg/deep/b.js")
    assert deeper.text == 'import { neu } from "../m";\nneu(1);\n'
    assert reasons(done(told, "import { old } from './n';\nold(1);\n", "pkg/b.js").unlike, 2).startswith(
        "`old` comes from"
    )


def test_a_rule_of_javascript_holds_for_typescript_with_types_inside() -> None:
    told = learnt(
        ("moment(a).format('x');\n", "dayjs(a).format('x');\n"),
        ("const q = moment(b.c).format(F);\n", "const q = dayjs(b.c).format(F);\n"),
        suffix="js",
    )
    text = "const r: string = moment(d as any)\n  .format(`y`); // moment\n"
    assert done(told, text, "src/c.ts").text == text.replace("= moment", "= dayjs")


def test_a_hole_in_typescript_keeps_what_stands_in_it() -> None:
    told = learnt(("http.get(url, null);\n", "http.get(url);\n"), suffix="ts")
    assert rules(told) == ["⟨1⟩.get(⟨2⟩, null) → ⟨1⟩.get(⟨2⟩)"]
    found = done(told, "http.get(`/${id}` /* id */, null);\nhttp.get(u, opts);\n", "b.tsx")
    assert found.text == "http.get(`/${id}`);\nhttp.get(u, opts);\n"
    assert reasons(found.unlike, 2) == "`opts` stands where the examples have `null`"


def test_go_packages_are_imported_and_dropped() -> None:
    before = 'package a\n\nimport (\n\t"fmt"\n\t"io/ioutil"\n)\n\nfunc f() {\n\tb, err := ioutil.ReadAll(r)\n\tfmt.Println(b, err)\n}\n'
    after = before.replace('"io/ioutil"', '"io"').replace("ioutil.", "io.")
    told = learnt((before, after), suffix="go")
    assert rules(told) == ["ioutil.ReadAll⟨1⟩ → io.ReadAll⟨1⟩"]
    alone = 'package b\n\nimport "io/ioutil"\n\nfunc g() error {\n\t_, e := ioutil.ReadAll(x.Body())\n\treturn e\n}\n'
    assert done(told, alone, "b.go").text == alone.replace('"io/ioutil"', '"io"').replace("ioutil.", "io.")
    kept = 'package b\n\nimport (\n\t"io/ioutil"\n)\n\nfunc g() {\n\tioutil.ReadAll(x)\n\tioutil.ReadDir(y)\n}\n'
    assert done(told, kept, "b.go").text == (
        'package b\n\nimport (\n\t"io/ioutil"\n\t"io"\n)\n\nfunc g() {\n\tio.ReadAll(x)\n\tioutil.ReadDir(y)\n}\n'
    )


def test_java_methods_and_their_receivers() -> None:
    told = learnt(("class A { void f() { a.b.old(1); } }", "class A { void f() { a.b.neu(1, null); } }"), suffix="java")
    found = done(told, "class B { void g() { this.c().old(2); old(3); } }", "B.java")
    assert found.text == "class B { void g() { this.c().neu(2, null); old(3); } }"
    assert len(found.unlike) == 1


def test_rust_and_c_are_read_too() -> None:
    rust = learnt(("fn f() { let x = a.old(1); }", "fn f() { let x = a.neu(1); }"), suffix="rs")
    assert done(rust, "fn g() { y.z.old(2)?; }", "b.rs").text == "fn g() { y.z.neu(2)?; }"
    c = learnt(
        (
            "#include <a.h>\nint f(void) { return old(a, b); }\n",
            "#include <a.h>\n#include <n.h>\nint f(void) { return neu(b, a); }\n",
        ),
        suffix="c",
    )
    assert done(c, "#include <a.h>\nint g(void) { return old(c + 1, d(old(1, 2))); }\n", "b.c").text == (
        "#include <a.h>\n#include <n.h>\nint g(void) { return neu(d(neu(2, 1)), c + 1); }\n"
    )
