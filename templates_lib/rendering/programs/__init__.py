"""Templates compiled to Python: python-liquid parses them, a generated function renders them.

`Plan` holds what a part of a mail does, `Program` a function made of it. What python-liquid would write is what a program
writes, character by character; where one can't be sure (an error, a limit, an oddity) it raises RenderAgainError and the
caller lets python-liquid render the part, so that errors, their places and the limits are python-liquid's own.

Generated code consists of names made here and `repr` of constants, and sees nothing but the functions and constants it was
given: no text of an author or a contact is ever run.
"""

from templates_lib.rendering.programs.encoded import Encoding, encode
from templates_lib.rendering.programs.program import Plan, Program, TooLargeError
from templates_lib.rendering.programs.runtime import RenderAgainError

__all__ = ["Encoding", "Plan", "Program", "RenderAgainError", "TooLargeError", "encode"]
