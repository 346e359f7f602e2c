# Print the version and home of this R, and its IRkernel, in one line. A module's R runs this code.
local({
  where <- tryCatch(dirname(find.package("IRkernel")), error = function(e) "");
  kernel <- if (nzchar(where)) as.character(packageVersion("IRkernel", lib.loc = where)) else "";
  version <- paste(R.version$major, R.version$minor, sep = ".");
  cat("\nsitekit", version, R.home(), where, kernel, paste(.libPaths(), collapse = ":"), sep = "\t");
  cat("\n");
})
