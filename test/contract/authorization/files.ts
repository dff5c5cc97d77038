import { FilesService } from '../../../src/files/files.service.ts';
import { avatarPurpose } from '../../../src/users/avatar/avatar.service.ts';
import { PNG, upload } from '../../support/uploads.ts';
import { rule, type Rule, type Thing } from '../authorization-rule.ts';

const file: Thing = upload;

const avatar: Thing = async (app, owner) => {
  const id = await upload(app, owner);
  await app.db.transaction((tx) => app.api.get(FilesService).attach(id, avatarPurpose, owner.user.id, tx));
  return id;
};

const newFile = { purpose: 'avatar', name: 'me.png', type: 'image/png', size: PNG.length };

export const rows: Record<string, Rule> = {
  //             anonymous other owner admin
  createFile: rule([401, 201, 201, 201], { body: newFile }),
  getFile: rule([401, 404, 200, 404], { of: file }),
  completeFile: rule([401, 404, 200, 404], { of: file }),
  deleteFile: rule([401, 404, 204, 404], { of: file }),

  setAvatar: rule([401, 409, 200, 409], { of: file, body: (fileId: string) => ({ fileId }) }),
  removeAvatar: rule([401, 204, 204, 204]),
  getAvatar: rule([302, 302, 302, 302], { of: avatar }),
};
