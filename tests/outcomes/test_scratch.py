import shlex, traceback, json, os
from joyul.cli import main
from joyul.messages import use_language
from tests.outcomes.desk import *
J = lambda *rows: "\n".join(json.dumps(r) for r in rows) + "\n"
many = [{"text": t, "label": [l]} for t, l in ROWS]
C = [("train r.jsonl base=bert epochs=1 task=classify", {"r.jsonl": J(*many)}),
 ("train r.jsonl base=bert epochs=1", {"r.jsonl": J(*many)}),
 ("train r.jsonl base=bert epochs=1 task=classify", {"r.jsonl": J(*[{"text": [t], "label": l} for t, l in ROWS])}),
 ("train r.jsonl base=bert epochs=1", {"r.jsonl": J(*[{"text": t, "label": i % 2} for i, (t, l) in enumerate(ROWS)])}),
 ("train r.jsonl base=bert epochs=1", {"r.jsonl": J(*[{"text": {"a": t}, "label": l} for t, l in ROWS])}),
 ("predict run data=r.jsonl", {"r.jsonl": J({"text": ["a", "b"]}, {"text": None}, {"text": 3})}),
 ("predict run data=r.csv pair=label", {"r.csv": GOOD}), ("eval run data=r.csv label=text", {"r.csv": GOOD}),
 ("train r.csv base=bert pair=label label=label", {"r.csv": GOOD}), ("train r.csv base=bert epochs=1 shots=3 valid=none test=none", {"r.csv": GOOD}),
 ("train r.csv base=bert epochs=1 group=g", {"r.csv": table([(t, l, "g") for t, l in ROWS], "text,label,g")}),
 ("train r.csv base=bert epochs=0.001", {"r.csv": GOOD}), ("train r.csv base=bert epochs=1 batch_size=100000 micro_batch=1", {"r.csv": GOOD}),
 ("train r.csv base=bert epochs=1 max_length=4", {"r.csv": GOOD}), ("train r.csv base=bert epochs=1 'template=a b c d e f g h i {text}' max_length=5", {"r.csv": GOOD}),
 ("train r.csv base=bert epochs=1 method=prompt+full 'template=it was {label}'", {"r.csv": GOOD}),
 ("train r.csv base=bert epochs=1 method=full+prompt 'template=[\"film: {text}\", \"{text}\"]'", {"r.csv": GOOD}),
 ("train r.csv base=bert epochs=1 form=similarity", {"r.csv": GOOD}), ("train base=bert data=", {"r.csv": GOOD}), ("train r.csv base=", {"r.csv": GOOD}), ("train r.csv base=bert method=", {"r.csv": GOOD}),
 ("train r.csv base=bert out=", {"r.csv": GOOD}), ("compare r.csv base=bert epochs=1 valid=none test=none", {"r.csv": GOOD}), ("compare r.csv base=bert epochs=1 shots=1", {"r.csv": GOOD}),
 ("compare r.csv base=bert methods=", {"r.csv": GOOD}), ("predict run data=r.csv out=d.csv overwrite=yes", {"r.csv": GOOD, "d.csv/x": "1"}), ("init classify out=d overwrite=yes", {"d/x": "1"}),
 ("train r.csv base=bert epochs=1 lang=ko", {"r.csv": GOOD}), ("train r.csv base=bert epochs=1 learning_rate=1e-9", {"r.csv": GOOD}), ("train r.csv base=bert epochs=1e-400", {"r.csv": GOOD}),
 ("predict run data=e.csv", {"e.csv": ""}), ("eval run data=r.csv out=r.jsonl lang=ko", {"r.csv": GOOD}), ("train r.csv base=bert test=r.csv valid=r.csv epochs=1", {"r.csv": GOOD}),
 ("train r.csv base=bert epochs=1 seed=99999999999", {"r.csv": GOOD}), ("train r.csv base=bert epochs=1 method=head+head", {"r.csv": GOOD}), ("predict 'run\0' a", {}), ("train 'r\0.csv' base=bert", {}), ("train r.csv base=$'b\0'", {"r.csv": GOOD}),
 ("train " + "x" * 300 + ".csv base=bert", {}), ("predict " + "x" * 300 + " a", {}), ("train r.csv base=" + "x" * 300, {"r.csv": GOOD}), ("train r.csv base=bert out=" + "x" * 300, {"r.csv": GOOD}), ("train r.csv base=bert valid=" + "x" * 300, {"r.csv": GOOD}),
]
def test_all(desk):
    import shutil
    for command, files in C:
        for name, content in files.items():
            p = desk.folder / name; p.parent.mkdir(parents=True, exist_ok=True); p.write_text(content)
        before = standing(desk.folder)
        try: status = main(shlex.split(command)); tb = ""
        except BaseException: status = "!!!"; tb = traceback.format_exc()
        out, err = desk.capture.readouterr()
        after = standing(desk.folder)
        with desk.capture.disabled():
            print("=" * 10, ascii(command)[:120], "->", status); print("\n".join(l[:220] for l in err.splitlines()[-5:])); print(out[:200]) if "predict" in command else 0; print(tb[-700:])
            if status not in (0,): print("   NEW", sorted({n.split("/")[0] for n in after if n not in before}))
        use_language("en")
        for n in os.listdir(desk.folder):
            p = desk.folder / n
            if not p.is_symlink(): shutil.rmtree(p) if p.is_dir() else p.unlink()
