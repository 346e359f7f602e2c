# Run by a module's own R: its version and home, and which IRkernel it would start. One line, tabs between.
local({
  where <- tryCatch(dirname(find.package("IRkernel")), error = function(e) "");
  kernel <- if (nzchar(where)) as.character(packageVersion("IRkernel", lib.loc = where)) else "";
  version <- paste(R.version$major, R.version$minor, sep = ".");
  cat("\nsitekit", version, R.home(), where, kernel, paste(.libPaths(), collapse = ":"), sep = "\t");
  cat("\n");
})
