# Compiler flags of every target of ours; packaged headers come in as SYSTEM and are not judged by them.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
if(HAPAIR_WERROR)
  add_compile_options(-Werror)
endif()

if(HAPAIR_SANITIZE)
  add_compile_options(-fsanitize=${HAPAIR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=${HAPAIR_SANITIZE})
endif()

# A second build of the same tree (another preset, a fresh clone) should cost seconds.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
