"""How nbgrader marks the assignments of this course: put this file into the folder of your course. The tests use it."""

c = get_config()  # noqa: F821

c.Execute.timeout = 60  # seconds a cell may take; then it is interrupted, and its points are lost
c.Execute.iopub_timeout = 60  # seconds that its output may come late, as on a busy computer
c.OverwriteCells.add_missing_cells = True  # a check that a student deleted comes back before the marking
