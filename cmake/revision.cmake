# A script: writes OUTPUT, the C++ file that knows the revision of the code in SOURCE ("unknown" outside a repository). An
# OUTPUT that says so already is left untouched.
set(REVISION unknown)
if(EXISTS ${SOURCE}/.git)
  execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --tags --abbrev=12 RESULT_VARIABLE failed
                  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(failed EQUAL 0)
    set(REVISION ${described})
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[namespace longwave {
const char* code_revision() { return "@REVISION@"; }
}  // namespace longwave
]] @ONLY)
