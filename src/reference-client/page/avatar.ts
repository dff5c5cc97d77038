import type { User } from '../../../clients/typescript/src/index.ts';
import { attempt, button, element } from './elements.ts';
import { texts } from './language.ts';
import { api } from './providers.ts';

/** The picture of the user, or the first letter of the name. */
export function avatar({ avatarUrl, displayName }: User): HTMLElement {
  const className = 'avatar';
  if (avatarUrl) return element('img', { className, src: avatarUrl, alt: texts().yourPicture });
  return element('span', { className, ariaHidden: 'true' }, displayName.trim().slice(0, 1));
}

/** Uploads a picture as soon as it is chosen. */
export function avatarForm({ avatarUrl }: User, again: () => Promise<unknown>): HTMLElement {
  const input = element('input', { type: 'file', accept: 'image/png,image/jpeg,image/webp' });
  input.addEventListener('change', () => {
    const [file] = input.files ?? [];
    // Without this, choosing the same file again would not emit a change event.
    input.value = '';
    if (file) void attempt(() => upload(file).then(again));
  });
  const remove = button(texts().removePicture, async () => {
    await api.delete('/v1/users/me/avatar');
    await again();
  });
  return element('div', {}, element('label', {}, texts().picture, input), ...(avatarUrl ? [remove] : []));
}

async function upload(file: File): Promise<void> {
  const { id: fileId } = await api.uploadFile('avatar', file, file.name);
  await api.put('/v1/users/me/avatar', { body: { fileId } });
}
