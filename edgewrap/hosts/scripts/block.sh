# Our block in a file of others. `begin` and `end`, its first and last line, are set before this.

# The authorized keys of the user $1.
keys_file() { readlink -m "$(getent passwd "$1" | cut -d: -f6)/.ssh/authorized_keys"; }

# Prints the lines of the file $1 that are in our block ($2: own), or all others ($2: others). A begin without an end
# counts for nothing.
block_of() {
	awk -v begin="$begin" -v end="$end" -v part="$2" '
		$0 == begin { others = others held; held = ""; inside = 1; next }
		$0 == end && inside { own = own held; held = ""; inside = 0; next }
		inside { held = held $0 "\n"; next }
		{ others = others $0 "\n" }
		END { printf "%s", part == "own" ? own : others held }' "$1"
}

# Makes the lines of the file $2 our block in the file $1; without lines there is no block. Every other line stays.
set_block() {
	{
		block_of "$1" others
		if [ -s "$2" ]; then
			echo "$begin"
			cat "$2"
			echo "$end"
		fi
	} >"$1.edgewrap"
	chmod --reference="$1" "$1.edgewrap"
	chown --reference="$1" "$1.edgewrap"
	mv -f "$1.edgewrap" "$1"
}
