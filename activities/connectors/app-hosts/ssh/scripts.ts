/**
 * Owns what runs on a machine: fixed texts for `sh`, whose arguments name files and whose standard
 * input alone carries content.
 */
import { longestSource } from '../../machines/source.js';
import { exits } from './errors.js';

/**
 * $1: the file. Prints path, number, names and time of change, memory and content, each on a line,
 * bytes in base64; then, where it can, time since boot, which boot, and the time.
 */
export const read = `
LC_ALL=C TZ=UTC0; export LC_ALL TZ
f=$(readlink -f -- "$1") && [ -e "$f" ] || { ls -d -- "$1" >&2; exit ${exits.missing}; }
[ -f "$f" ] || exit ${exits.notAFile}
[ "$(stat -c %s -- "$f")" -le ${longestSource} ] || exit ${exits.tooLong}
memory="\${f%/*}/.\${f##*/}.rekey"
printf %s "$f" | base64 -w0 && echo
stat -c '%i %h %z' -- "$f"
if [ -e "$memory" ]; then base64 -w0 < "$memory" || exit 1; else printf -; fi; echo
base64 -w0 < "$f" && echo
cat /proc/uptime /proc/sys/kernel/random/boot_id 2>/dev/null && date +%s.%N || :`;

/**
 * $1: the file, links followed; $2, $3: SHA-256 of content and memory as they were seen, \`-\` for
 * none; $4: which of the two is replaced. Standard input: SHA-256 of what is to be written, a line
 * end, and that itself. The folder is locked, so that the lock ends with its holder.
 */
export const write = `
LC_ALL=C; export LC_ALL; set -eu; umask 077
f=$1 dir=\${1%/*} name=\${1##*/}
memory="$dir/.$name.rekey"
sum() { if [ -e "$1" ]; then sha256sum < "$1" | cut -d' ' -f1; else echo -; fi; }
exec 9< "\${dir:-/}"
flock -w 20 9 || exit ${exits.locked}
rm -f -- "$dir/.$name".rekey-new-* "$memory".rekey-new-*
aside=$(mktemp -- "$dir/.$name.rekey-new-XXXXXXXXXX")
trap 'rm -f -- "$aside"' EXIT
read -r want
cat > "$aside"
[ "$(sum "$aside")" = "$want" ] || exit ${exits.cut}
if [ "$4" = content ]; then
  target=$f
  chown --reference="$f" -- "$aside"; chmod --reference="$f" -- "$aside"
else target=$memory; fi
sync -- "$aside"
[ "$(sum "$f")" = "$2" ] && [ "$(sum "$memory")" = "$3" ] || exit ${exits.changed}
mv -fT -- "$aside" "$target"
sync -- "\${dir:-/}" || :`;

/**
 * $1: seconds; $2: a command; the rest: its arguments. Runs it in a group of its own, which is
 * ended when standard input closes, that is when the caller or the connection has gone, and at the
 * latest after so many seconds. What a command leaves behind when it ends by itself goes on.
 */
export const supervise = `
exec 3<&0
seconds=$1 script=$2; shift 2
timeout -k 2 "$seconds" sh -c "$script" rekey "$@" </dev/null 3<&- &
child=$!
( cat <&3 >/dev/null; kill -s KILL -- "-$child" ) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$child"; code=$?
kill "$watcher" 2>/dev/null
exit "$code"`;

/** One word of a command line, for every shell of the family of sh. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
