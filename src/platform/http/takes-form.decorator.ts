import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiConsumes } from '@nestjs/swagger';
import { FORM_MEDIA_TYPE } from './body-parsers.ts';

/** Opens this route, and no other, to forms as browsers post them. A page of any site can do that: check who asked. */
export const TakesForm = () =>
  applyDecorators(RouteConfig({ takesForm: true }), ApiConsumes(FORM_MEDIA_TYPE));
