import os, shlex, traceback, sys, time
import pytest
from joyul.cli import main
from joyul.messages import use_language
from tests.outcomes.desk import *

R = {"r.csv": GOOD}
KO = table([("이 영화 정말 좋다", "yes"), ("이 영화 정말 나쁘다", "no")] * 12)
MIX = table([("the good film 영화", "yes"), ("the bad film and a dull plot", "no"), ("a good film and fine story", "yes")] * 8)
T = "joyul_train"

import torch, io
from safetensors.torch import load_file, save_file
def nanbase(folder, word="joy"):
    import shutil
    shutil.copytree(folder/"bert", folder/"nanny")
    from transformers import AutoTokenizer
    tok = AutoTokenizer.from_pretrained(folder/"nanny")
    w = load_file(folder/"nanny/model.safetensors")
    key = [k for k in w if "word_embeddings" in k][0]
    w[key][tok.convert_tokens_to_ids(word)] = float("nan")
    save_file(w, folder/"nanny/model.safetensors", metadata={"format":"pt"})
def pickled(folder):
    import shutil
    shutil.copytree(folder/"bert", folder/"pick")
    w = load_file(folder/"pick/model.safetensors"); (folder/"pick/model.safetensors").unlink()
    torch.save(w, folder/"pick/pytorch_model.bin")
def lfs(folder):
    import shutil
    shutil.copytree(folder/"bert", folder/"lfs"); (folder/"lfs/model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
def notok(folder):
    import shutil
    shutil.copytree(folder/"bert", folder/"notok"); [p.unlink() for p in (folder/"notok").glob("tok*")]
def badjson(folder):
    import shutil
    shutil.copytree(folder/"bert", folder/"badj"); (folder/"badj/config.json").write_text("{")
def runcopy(edit):
    def f(folder):
        import shutil
        shutil.copytree(folder/"run", folder/"mine"); p = folder/"mine/prompt.yaml"; p.write_text(edit(p.read_text()))
    return f
def zero(edit):
    def f(folder):
        main(["train","labels=yes,no","base=bert","method=prompt","out=zero"])
        p = folder/"zero/prompt.yaml"; p.write_text(edit(p.read_text()))
    return f
C = [
 ("train data=r.csv base=nanny epochs=1", R, nanbase),
 ("train data=r.csv base=nanny epochs=1 valid=v.csv", {"r.csv": table([r for r in ROWS if "joy" not in r[0]]), "v.csv": GOOD}, nanbase),
 ("train data=r.csv base=nanny epochs=1 test=v.csv", {"r.csv": table([r for r in ROWS if "joy" not in r[0]]), "v.csv": GOOD}, nanbase),
 ("train data=r.csv base=bert learning_rate=0.01 clip=1000 epochs=3", R), ("train data=r.csv base=bert method=head learning_rate=1 clip=1e30 epochs=3", R),
 ("train data=r.csv base=pick epochs=1", R, pickled), ("train data=r.csv base=lfs epochs=1", R, lfs), ("train data=r.csv base=notok epochs=1", R, notok), ("train data=r.csv base=badj epochs=1", R, badjson),
 ("predict mine good", {}, runcopy(lambda t: t + "x: [")), ("predict mine good", {}, runcopy(lambda t: "")), ("predict mine good", {}, runcopy(lambda t: t.replace("{text}", "{txt}"))),
 ("predict mine good", {}, runcopy(lambda t: t.replace("classify", "clasify"))), ("predict mine good", {}, runcopy(lambda t: t.replace("max_length: 64", "max_length: many"))),
 ("predict zero good", {}, zero(lambda t: t.replace("yes: yes", "yes: no"))), ("predict zero good", {}, zero(lambda t: t)),
 ("predict run data=r.csv out=o.xlsx", {"r.csv": "text\n=1+1\ngood\x0bfilm\n"}),
 ("predict run data=r.csv out=no/where.csv", R), ("predict run data=r.csv out=r.csv/x.csv", R),("predict run data=r.csv extra text", R), ("methods extra", R), ("predict run data=r.csv out=r.csv", R), ("eval run data=r.csv out=o.csv", R),
 ("train data=r.csv base=bert labels=[a", R), ("train data=r.csv base=bert 'template=[\"a'", R), ("train rr.yaml", {**R, "r.yaml": "data: r.csv\n"}),
 ("train labels=yes,no,yes base=bert method=prompt", R), ("train labels=yes, base=bert method=prompt", R), ("train data=r.csv base=bert method=full+prompt template='no slot'", R),
 ("train data=r.csv test=t.csv base=bert epochs=1", {**R, "t.csv": table([("good", "yes"), ("bad", "nno")])}),
 ("compare data=r.csv base=bert template='no slot' epochs=1", R), ("train data=r.csv labels=yes,on base=bert", R),("eval run data=r.csv", {"r.csv": table([("good", "yes"), ("bad", "noo")])}),
 ("predict run \ud800", {}), ("train data=r.csv base=run epochs=1", R), ("train data=r.csv base=bert out=run", R), ("train run", R), ("compare data=r.csv base=bert epochs=1 out=cmp", R),
 ("train data=r.csv base=bert shots=99 epochs=1", R), ("train data=r.csv base=bert group=gruop epochs=1", R), ("predict", R), ("predict run ''", R), ("train data=r.jsonl base=bert", {"r.jsonl": '{"text": "a", "label": "x"}\n{"text": "a"\n'}),
 ("train data=. base=bert", {"a.csv": GOOD, "b.csv": GOOD}), ("train data=r.docx base=bert", {"r.docx": "x"}), ("init classify", {"recipe.yaml": "mine"}), ("init classify out=q/recipe.yaml", {}),
 ("train data=r.csv base=bert lang=fr", R), ("--json", R), ("--version", R), ("predict run data=r.csv text=txt", R), ("train r.yaml base=bert base=bert", R),
]
ONLY = os.environ.get("ONLY")

def test_all(desk):
    for command, files, *prep in C:
        if ONLY and ONLY not in command: continue
        import tempfile
        for name, content in files.items():
            p = desk.folder / name; p.parent.mkdir(parents=True, exist_ok=True)
            p.write_bytes(content if isinstance(content, bytes) else content.encode())
        (desk.folder/"gpt2").is_dir() or __import__("tests.tiny").tiny.save(desk.folder/"gpt2", "gpt2")
        [f(desk.folder) for f in prep]; desk.capture.readouterr()
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
            print("=" * 20, ascii(command), f"-> {status} ({time.time()-t:.1f}s)"); command = ascii(command); err = err.encode("utf-8", "replace").decode(); out = out.encode("utf-8", "replace").decode(); print(err[-1800:] + ("--out--\n" + out[:300] if out else "")); print(tb[-900:])
            print("   NEW", sorted({n.split("/")[0] for n in new}), "CHANGED", changed)
        use_language("en")
        import shutil
        for n in os.listdir(desk.folder):
            p = desk.folder / n
            if p.is_symlink() or n == "gpt2": continue
            shutil.rmtree(p) if p.is_dir() else p.unlink()
