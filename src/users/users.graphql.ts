import {
  Field,
  GraphQLISODateTime,
  ID,
  InputType,
  ObjectType,
  registerEnumType,
  ArgsType,
} from '@nestjs/graphql';
import { connectionOf, PageArgs } from '../platform/graphql/connections.ts';
import { LOCALES, type Locale } from '../platform/i18n/locales.ts';
import { type UserStatus, userStatuses } from './user.entity.ts';

const enumOf = <Value extends string>(values: readonly Value[]) =>
  Object.fromEntries(values.map((value) => [value, value]));

const UserStatusEnum = enumOf(userStatuses);
const LocaleEnum = enumOf(LOCALES);
registerEnumType(UserStatusEnum, { name: 'UserStatus' });
registerEnumType(LocaleEnum, { name: 'Locale', description: 'A language of mails and errors.' });

@ObjectType('User', { description: 'An account.' })
export class UserObject {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  email!: string;

  @Field(() => String)
  displayName!: string;

  @Field(() => LocaleEnum, {
    nullable: true,
    description: 'Language of mails and notifications. Null: the default of the server.',
  })
  locale!: Locale | null;

  @Field(() => String, {
    description: 'The role determines the permissions. A newer release may add roles.',
  })
  role!: string;

  @Field(() => UserStatusEnum)
  status!: UserStatus;

  @Field(() => Boolean)
  emailVerified!: boolean;

  @Field(() => String, { nullable: true, description: 'The URL of the profile picture. It does not expire.' })
  avatarUrl!: string | null;

  @Field(() => GraphQLISODateTime)
  createdAt!: Date;

  @Field(() => GraphQLISODateTime)
  updatedAt!: Date;
}

@ObjectType()
export class UserConnection extends connectionOf(UserObject, 'User') {}

@ArgsType()
export class UsersArgs extends PageArgs {
  @Field(() => UserStatusEnum, { nullable: true })
  status?: UserStatus | null;

  @Field(() => String, { nullable: true })
  role?: string | null;

  @Field(() => String, { nullable: true, description: 'Only emails that start with this text.' })
  email?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Only accounts whose name or email has words that start with each of these words.',
  })
  q?: string | null;
}

@InputType()
export class UpdateMeInput {
  @Field(() => String, { nullable: true })
  displayName?: string | null;

  @Field(() => LocaleEnum, { nullable: true, description: 'Language of mails and notifications.' })
  locale?: Locale | null;
}
