import os, shlex, traceback, sys, time
import pytest
from joyul.cli import main
from joyul.messages import use_language
from tests.outcomes.desk import *

R = {"r.csv": GOOD}
KO = table([("이 영화 정말 좋다", "yes"), ("이 영화 정말 나쁘다", "no")] * 12)
MIX = table([("the good film 영화", "yes"), ("the bad film and a dull plot", "no"), ("a good film and fine story", "yes")] * 8)
T = "joyul_train"
C = [
 ("train data=rr.csv base=bert", R), ("train data=e.csv base=bert", {"e.csv": ""}), ("train data=e.csv base=bert", {"e.csv": "text,label\n"}),
 ("train data=r.csv base=bert", {"r.csv": table([(t, "yes") for t, _ in ROWS])}),
 ("train data=r.csv base=bert epochs=1", {"r.csv": table([*ROWS, ("the end", "maybe")])}),
 ("train data=r.csv test=t.csv base=bert epochs=1", {**R, "t.csv": table([("good", "yes"), ("bad", "nno")])}),
 ("train data=r.csv label=lable base=bert", R), ("train data=r.csv text=txt base=bert", R),
 ("train data=r.csv base=bert", {"r.csv": table(header="text,text")}),
 ("train data=r.csv base=bert", {"r.csv": GOOD + "one,two,three\n"}),
 ("train data=r.csv base=bert epochs=1 allow_unknown=yes", {"r.csv": KO.encode("cp949")}),
 ("train data=r.csv base=bert epochs=1", {"r.csv": GOOD.encode("utf-16")}),
 ("train data=r.csv base=bert epochs=1", {"r.csv": GOOD.encode("utf-8-sig")}),
 ("train data=r.csv base=bert epochs=1", {"r.csv": GOOD.replace("joy", "j\0oy", 1)}),
 ("train data=r.csv base=bert epochs=1 max_length=5", R),
 ("train data=r.csv base=bert epoch=1", R), ("train data=r.csv base=bert methods=full", R), ("train data=r.csv data=r.csv base=bert", R),
 ("tran data=r.csv", R), ("train data=r.csv base=bert method=ful", R), ("train data=r.csv base=bert method=head form=similarity", R),
 ("train data=r.csv base=gpt2 form=similarity", R), ("train data=r.csv base=bret", R), ("train data=r.csv base=./bret", R),
 ("train data=r.csv base=klue/roberta-base", R), ("train data=r.csv base=empty", {**R, "empty/x.txt": "x"}),
 ("train data=r.csv base=bert out=o", {**R, "o/x.txt": "x"}),
 ("train r.yaml", {**R, "r.yaml": "data: r.csv\nbase: [bert\n"}), ("train r.yaml", {**R, "r.yaml": "data: r.csv\nepoch: 1\n"}),
 ("train r.yaml", {**R, "r.yaml": "data: r.csv\nfull:\n  epochs: 1\n"}), ("train r.yaml", {**R, "r.yaml": "data: !!python/object:os.system r.csv\n"}),
 ("train r.yaml", {**R, "r.yaml": "- a\n"}), ("train r.yaml", {**R, "r.yaml": ""}), ("train rr.yaml", {**R, "r.yaml": "data: r.csv\n"}),
 ("train r.yaml", {**R, "r.yaml": "data: r.csv\nbase: bert\nbase: bert\n"}),
 ("train data=r.csv base=bert epochs=abc", R), ("train data=r.csv base=bert learning_rate=11", R), ("train data=r.csv base=bert epochs=0", R),
 ("train data=r.csv base=bert seed=-1", R), ("train data=r.csv base=bert labels=[a", R), ("train data=r.csv base=bert 'template=[\"a'", R),
 ("train data=r.csv base=bert method=full+head epochs=1+2+3", R), ("train data=r.csv base=bert method=full head.epochs=3", R),
 ("train data=r.csv base=bert method=full+full full.epochs=3", R), ("train data=r.csv base=bert method=prompt epochs=1", R),
 ("predict r.csv hello", R), ("predict rnu hello", R), ("predict half hello", {"half/recipe.yaml": "base: bert\n"}),
 ("predict run data=r.csv out=o.csv", {**R, "o.csv": "mine"}), ("predict run data=r.csv out=r.csv", R), ("predict run data=r.csv out=r.csv overwrite=yes", R),
 ("predict run data=r.csv out=o.cvs", R), ("predict run data=r.csv out=o.csv", {"r.csv": "text\ngood film\n\"\"\nbad\n"}),
 ("predict run data=r.csv out=o.csv", {"r.csv": "text,prediction\ngood film,x\nbad,y\n"}),
 ("predict run -- epochs=3 and more", R), ("predict run epochs=3", R), ("eval run data=r.csv", {"r.csv": "text\ngood\nbad\n"}), ("eval run", R),
 ("eval run data=r.csv", {"r.csv": table([("good", "yes"), ("bad", "noo")])}), ("eval run data=r.csv out=o.csv", R), ("eval run data=r.csv out=o.jsonl", R),
 ("train data=r.csv base=bert epochs=1", {"r.csv": KO}), ("train data=r.csv base=bert epochs=1 allow_unknown=yes", {"r.csv": KO}), ("train data=r.csv base=bert epochs=1", {"r.csv": MIX}),
 ("train labels=yes,no base=bert", R), ("train data=r.csv labels=yes,no base=bert", {"r.csv": "text\ngood\nbad\n"}), ("train data=r.csv base=bert", {"r.csv": "text\ngood\nbad\n"}),
 ("train labels=yes,no base=bert method=prompt", R), ("train labels=yes,yes base=bert method=prompt", R), ("train labels=yes,no,yes base=bert method=prompt", R), ("train labels=yes base=bert method=prompt", R),
 ("train labels=yes, base=bert method=prompt", R),
 ("train data=r.csv base=bert template='no slot'", R), ("train data=r.csv base=bert method=prompt template='no slot'", R), ("train data=r.csv base=bert method=full+prompt template='no slot'", R),
 ("train data=r.csv base=bert template='a {text'", R), ("train data=r.csv base=bert max_length=1000", R),
 ("train data=r.csv base=bert epochs=1 valid=none test=none", {"r.csv": table([*ROWS, ("", "yes"), ("good", ""), ("  ", "no")])}),
 ("train data=rr.csv base=bert lang=ko", R), ("train data=r.csv base=bert precision=bf16 epochs=1", R), ("train data=r.csv base=bert encoding=utf9", R),
 ("predict run data=r.csv out=no/where.csv", R), ("predict run data=r.csv out=r.csv/x.csv", R), ("train data=r.csv base=bert out=r.csv/x", R), ("predict run data=r.csv extra text", R), ("methods extra", R), ("init clasify", R), ("init", R),
 ("train data=r.csv base=bert valid=0.9", R), ("train data=r.csv base=bert valid=v.csv", R), ("train", R), ("train --epochs", R), ("train a.csv b.csv", R),
 ("compare data=r.csv base=bret", R), ("compare data=r.csv base=bert methods=head,hed", R), ("compare data=r.csv base=bert template='no slot' epochs=1", R),
 ("train data=r.csv base=bert label=text text=label", R), ("train data=r.csv base=bert shots=1 epochs=1", R), ("help tran", R), ("predict run text=a", R),
]
ONLY = os.environ.get("ONLY")

def test_all(desk):
    for command, files in C:
        if ONLY and ONLY not in command: continue
        import tempfile
        for name, content in files.items():
            p = desk.folder / name; p.parent.mkdir(parents=True, exist_ok=True)
            p.write_bytes(content if isinstance(content, bytes) else content.encode())
        (desk.folder/"gpt2").is_dir() or __import__("tests.tiny").tiny.save(desk.folder/"gpt2", "gpt2")
        before = standing(desk.folder)
        t = time.time()
        try:
            status = main(shlex.split(command)); tb = ""
        except BaseException as e:
            status = "!!!"; tb = traceback.format_exc()
        out, err = desk.capture.readouterr()
        new = [n for n in standing(desk.folder) if n not in before]
        changed = [n for n in before if standing(desk.folder).get(n) != before[n]]
        with desk.capture.disabled():
            print("=" * 20, command, f"-> {status} ({time.time()-t:.1f}s)"); print(err[-1800:] + ("--out--\n" + out[:300] if out else "")); print(tb[-900:])
            print("   NEW", sorted({n.split("/")[0] for n in new}), "CHANGED", changed)
        use_language("en")
        import shutil
        for n in os.listdir(desk.folder):
            p = desk.folder / n
            if p.is_symlink() or n == "gpt2": continue
            shutil.rmtree(p) if p.is_dir() else p.unlink()
