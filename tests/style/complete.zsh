# SPDX-License-Identifier: MIT
# zsh -f complete.zsh FOLDER TEXT...: what zsh completes after each TEXT, with the completion functions of FOLDER. zsh looks
# through all its functions once, and keeps what it finds in a file of the folder.
zmodload zsh/zpty
folder=$1
shift
until_line() {
	local line
	while zpty -r shell line; do
		print -r -- "$line"
		[[ $line == *$1* ]] && return
	done
}
for text; do
	print -r -- "== $text"
	zpty shell zsh -f -i
	zpty -w shell "fpath=(${(q)folder} \$fpath); autoload -U compinit; compinit -C -d ${(q)folder}/.zcompdump
compadd() {
	if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd \"\$@\"; return; fi
	local -a hits
	builtin compadd -A hits \"\$@\"
	(( \$#hits )) && print -rl -- '<'\${^hits}'>'
	builtin compadd \"\$@\"
}
ended() { print '<E''ND>'; exit }
comppostfuncs=(ended); print RE''ADY"
	until_line READY >/dev/null
	zpty -n -w shell "$text"$'\t'
	until_line '<END>' | tr -d '\r' | grep -o '<[^>]*>'
	zpty -d shell
done
