"""Grade notebooks that students hand in: run each by itself, call its functions, add up points.

Begin with `vaetut grade`, or from Python with `vaetut.grading.grades.grade`.

**It is no sandbox.** A submission runs as you, with your rights, and can read and delete what you
can. Limits and the cut network keep honest mistakes from harm; whoever wants to cheat or to harm
can. Grade strangers' work in a container or on a machine that has nothing else on it.

Nothing is imported here: the process that runs a submission gives up its network first, and it can
do so only before PyTorch has started threads.
"""
