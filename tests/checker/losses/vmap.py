"""Wrong, or refused, under torch.func and torch.vmap, though written for them."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .inputs import normal, regression


class _Square(Function):
    """A squared error with everything but its vmap rule."""

    @staticmethod
    def forward(prediction, target):
        return ((prediction - target) ** 2).sum(-1)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        grad = 2 * (prediction - target) * grad_output.unsqueeze(-1)
        return grad, -grad


def _rows(prediction, target):
    return ((prediction - target) ** 2).sum(-1)


@mistake("vmap", reference=_rows)
def rule_reduces_over_the_mapped_dimension():
    """The vmap rule gives every sample the mean of all."""

    class SquaredError(_Square):
        @staticmethod
        def vmap(info, in_dims, prediction, target):
            loss = SquaredError.apply(prediction, target)
            return loss.mean(0).expand(info.batch_size, *loss.shape[1:]), 0

    return SquaredError.apply, regression(4, 3)


@mistake("vmap", reference=_rows)
def rule_assumes_dimension_zero():
    """The vmap rule ignores in_dims: wrong for in_dims=1 and for unmapped targets."""

    class SquaredError(_Square):
        @staticmethod
        def vmap(info, in_dims, prediction, target):
            return SquaredError.apply(prediction, target), 0

    return SquaredError.apply, regression(3, 3)


@right(reference=_rows)
def rule_moves_the_mapped_dimensions():
    """The same with every mapped dimension moved to the front."""

    class SquaredError(_Square):
        @staticmethod
        def vmap(info, in_dims, prediction, target):
            def front(x, dim):
                if dim is None:
                    return x.expand(info.batch_size, *x.shape)
                return x.movedim(dim, 0)

            front_p = front(prediction, in_dims[0])
            front_t = front(target, in_dims[1])
            return SquaredError.apply(front_p, front_t), 0

    return SquaredError.apply, regression(3, 3)


@mistake("vmap", reference=F.mse_loss)
def generated_rule_on_the_old_style():
    """generate_vmap_rule with forward(ctx, ...): torch.func asks for setup_context."""

    class MSE(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return F.mse_loss(prediction, target)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad = grad_output * 2 * (prediction - target) / target.numel()
            return grad, -grad

    return MSE.apply, regression(5, 2)


@right(reference=F.mse_loss)
def generated_rule_on_the_new_style():
    """The same with setup_context."""

    class MSE(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(prediction, target):
            return ((prediction - target) ** 2).mean()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad = grad_output * 2 * (prediction - target) / target.numel()
            return grad, -grad

    return MSE.apply, regression(5, 2)


@mistake("vmap", reference=lambda x: F.softplus(x).mean())
def python_branch_on_values():
    """if x.max() > 30: control flow on values, which vmap cannot map."""

    class SafeSoftplus(nn.Module):
        def forward(self, x):
            if x.abs().max() > 30:
                return torch.where(x > 30, x, torch.log1p(x.clamp(max=30).exp())).mean()
            return torch.log1p(torch.exp(x)).mean()

    return SafeSoftplus(), (normal(4, 3, seed=1, grad=True),)


@mistake("vmap", reference=lambda p, t: F.l1_loss(p, t, reduction="sum"))
def rule_reports_the_wrong_out_dim():
    """The vmap rule moves the batch to the end and says that it is at the front."""

    class SumL1(Function):
        @staticmethod
        def forward(prediction, target):
            return (prediction - target).abs().sum(0)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            sign = torch.sign(prediction - target)
            return grad_output * sign, -grad_output * sign

        @staticmethod
        def vmap(info, in_dims, prediction, target):
            p = (
                prediction.movedim(in_dims[0], -1)
                if in_dims[0] is not None
                else (prediction.unsqueeze(-1))
            )
            t = (
                target.movedim(in_dims[1], -1)
                if in_dims[1] is not None
                else (target.unsqueeze(-1))
            )
            return (p - t).abs().sum(0), 0

    def loss(prediction, target):
        return SumL1.apply(prediction, target).sum()

    return loss, regression(3, 3)


@mistake("vmap", reference=lambda x: x.pow(2).sum(-1))
def rule_calls_forward_with_a_loop_over_dimension_zero():
    """The vmap rule stacks a loop over dimension 0, whatever in_dims says."""

    class RowEnergy(Function):
        @staticmethod
        def forward(x):
            return x.pow(2).sum(-1)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return 2 * x * grad_output.unsqueeze(-1)

        @staticmethod
        def vmap(info, in_dims, x):
            return torch.stack([RowEnergy.apply(row) for row in x.unbind(0)]), 0

    return RowEnergy.apply, (normal(3, 3, seed=1, grad=True),)


@mistake("vmap", reference=lambda p, t: F.mse_loss(p, t))
def item_in_a_branch():
    """.item() decides between two forms of the same loss."""

    def mse(prediction, target):
        scale = (prediction - target).abs().max().item()
        if scale == 0:
            return (prediction - target).sum()
        return ((prediction - target) ** 2).mean()

    return mse, regression(4, 2)
