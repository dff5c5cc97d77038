const NOTES = 'Upgrade notes';

/** The lines of the sections “Upgrade notes” that the old changelog does not have, below their releases. */
export function newNotes(before: string, after: string): string {
  const known = new Set(notesOf(before).map(({ line }) => line));
  const added = notesOf(after).filter(({ line }) => !known.has(line));
  const releases = new Set(added.map(({ release }) => release));
  return [...releases]
    .map((release) =>
      [release, ...added.filter((note) => note.release === release).map(({ line }) => line)].join('\n'),
    )
    .join('\n\n');
}

function notesOf(changelog: string): { release: string; line: string }[] {
  let release = '';
  let isNote = false;
  return changelog.split('\n').flatMap((line) => {
    if (line.startsWith('## ')) release = line.slice(3);
    if (line.startsWith('#')) isNote = line === `### ${NOTES}`;
    return isNote && line.trim() && !line.startsWith('#') ? [{ release, line }] : [];
  });
}
