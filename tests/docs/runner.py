"""A process that runs the pages' code, one unit after another, so that frameworks are imported once.

On each line of its input it takes {"folder", "code": [...]} or {"folder", "command": [...]}; to each it answers with a
line {"printed": [...], "error"}: what each block printed, up to the one that failed.
"""

import contextlib
import io
import json
import os
import sys
import traceback


def python(code):
    namespace = {"__name__": "__main__"}
    for text in code:
        yield lambda text=text: exec(compile(text, "<page>", "exec"), namespace)


def command(words):
    from nonlin.cli import main

    def run():
        sys.argv = words
        try:
            main()
        except SystemExit as end:
            if end.code:
                raise

    yield run


def answered(task):
    os.chdir(task["folder"])
    sys.path[0] = task["folder"]
    printed = []
    for run in python(task["code"]) if "code" in task else command(task["command"]):
        out, err = io.StringIO(), io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                run()
        except BaseException:
            return {"printed": printed, "error": f"{out.getvalue()}{err.getvalue()}{traceback.format_exc()}"}
        printed.append(out.getvalue())
    return {"printed": printed, "error": None}


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a process started from here prints is no answer
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line))), file=answers, flush=True)
    answers.close()
    os._exit(0)  # what the frameworks tidy up at the end takes seconds
