"""Have a server write the name of each module that it imports, and the path of each folder that it
lists, to the file $LISTED."""

import os
import sys

listed = os.open(os.environ["LISTED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def write_name(event: str, words: tuple[object, ...]) -> None:
    if event == "import":
        os.write(listed, f"{words[0]}\n".encode())
    if event == "os.listdir":
        os.write(listed, f"{words[0]}\n".encode())


sys.addaudithook(write_name)
